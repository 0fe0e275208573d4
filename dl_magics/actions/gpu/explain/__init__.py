"""`--explain` of the magics for a GPU kernel: the ssh and rsync commands that do the same."""
