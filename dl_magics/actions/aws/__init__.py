"""AWS instances."""
