"""Front ends of Jupyter, for tests."""
