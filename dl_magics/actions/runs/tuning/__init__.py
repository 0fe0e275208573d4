"""Find settings for the next run by trials on the features of an earlier one."""
