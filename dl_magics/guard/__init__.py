"""The guard: a service on an instance that stops it when it is idle, and its settings from here."""
