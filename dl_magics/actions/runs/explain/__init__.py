"""`--explain` of the magics for runs."""
