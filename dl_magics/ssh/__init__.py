"""SSH connections, through asyncssh."""
