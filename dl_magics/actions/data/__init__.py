"""Check and split data sets, where the images are: on this computer or on the connected host."""
