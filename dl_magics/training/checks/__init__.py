"""What is checked before a run trains: its images, its head and the space on the disk."""
