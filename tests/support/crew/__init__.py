"""A crew of practice hosts, without any EC2."""
