"""Models of one's own: kept, checked, and put where they are trained."""
