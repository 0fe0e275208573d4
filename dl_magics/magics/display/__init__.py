"""What a cell shows while it runs: a run, the state of the link; displays that are replaced."""
