"""What runs on the host of a sync, and what it answers."""
