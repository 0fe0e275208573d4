"""A laptop and an instance as network namespaces, connected by a wire that tests can disturb."""
