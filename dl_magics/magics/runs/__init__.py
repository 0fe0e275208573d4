"""The magic that lists, compares, tags, exports and deletes runs: `%runs`."""
