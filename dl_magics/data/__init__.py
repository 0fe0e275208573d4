"""Find, split, decode and augment images. The only folder that imports PIL."""
