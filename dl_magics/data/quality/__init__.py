"""Find what is wrong with a folder of images, and move it away so that it can be put back."""
