"""`%aws_export`: plain scripts for an instance and a run, which need no dl_magics."""
