"""The guards of the instances: their settings and their status."""
