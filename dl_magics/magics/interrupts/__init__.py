"""What magics say when they are interrupted, and what their interrupt left behind."""
