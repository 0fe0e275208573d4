"""What the steps of a run share, whichever engine trains."""
