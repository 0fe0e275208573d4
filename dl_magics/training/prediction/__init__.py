"""Predict the classes of images with the model of a run, and show the predictions."""
