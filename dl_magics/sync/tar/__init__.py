"""Many files as one tar stream."""
