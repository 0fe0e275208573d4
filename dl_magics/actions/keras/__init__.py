"""Keras' settings, here and on the GPU kernel's host."""
