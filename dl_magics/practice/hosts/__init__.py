"""The practice cloud's SSH hosts."""
