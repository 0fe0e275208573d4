"""Requests to the kernel: sent once, answered by the journal's entries."""
