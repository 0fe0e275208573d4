"""Find settings by short trials on stored features."""
