"""Widgets of the GPU kernel in this notebook: their comms are opened here under the same ids."""
