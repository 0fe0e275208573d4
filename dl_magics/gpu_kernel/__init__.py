"""The kernel on the connected host, and the durable link to it."""
