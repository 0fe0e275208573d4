"""The magics about runs: `%runs` and `%lr_find`."""
