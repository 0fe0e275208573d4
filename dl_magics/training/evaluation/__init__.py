"""Evaluate the model of a run on a part of its images; show where in an image it looked."""
