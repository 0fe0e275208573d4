"""How long images take on one instance or on many, and what that costs: pure functions."""
