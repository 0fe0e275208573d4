"""The way to an instance. The only folder that imports asyncssh."""
