"""Compare runs: what differs between them, and whether their results do."""
