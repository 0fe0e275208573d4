"""Compute the features of batches of pixels, on a GPU with the next batch already under way."""
