"""What happens to the instances of a run after it, as its recipe asks for it."""
