"""Files to a host and back."""
