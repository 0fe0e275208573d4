"""A laptop and an instance as network namespaces, and what happens to the wire between them."""
