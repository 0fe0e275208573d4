"""The GPU kernel and its host."""
