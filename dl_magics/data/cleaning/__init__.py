"""Go through the images of a data set: keep, relabel or quarantine each; any step is undone."""
