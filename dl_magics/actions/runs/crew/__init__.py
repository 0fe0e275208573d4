"""The hosts that compute the features of a run: which they are, what they cost and need."""
