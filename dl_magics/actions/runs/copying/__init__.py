"""What is copied of a run that trains on a remote host."""
