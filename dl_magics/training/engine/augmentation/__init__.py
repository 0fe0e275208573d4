"""Images as a cell's augment(image, random) changes them, anew in each epoch."""
