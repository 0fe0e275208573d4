"""The parts of the link to an agent: its state, its sign of life, and the bytes that it carries."""
