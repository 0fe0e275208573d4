"""What the server knows of instances and runs, read in the background and pushed to browsers."""
