"""Look at what a run learned: its mistakes, its images, its predictions; where the images are."""
