"""`--explain`: the commands that do what a magic does."""
