"""Instance types as AWS describes them, and what an instance needs from its type."""
