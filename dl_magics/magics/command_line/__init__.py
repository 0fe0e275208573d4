"""`dl-magics run`: what a notebook does for a run, from a terminal or a script."""
