"""Keras' settings on this computer and on the host of the GPU kernel."""
