"""Images as a cell's augment(image, random) changes them, differently in each epoch."""
