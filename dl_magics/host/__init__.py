"""What a host has installed: interpreters, environments, GPUs."""
