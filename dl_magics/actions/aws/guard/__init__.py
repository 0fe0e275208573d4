"""The guards of the instances: what they are told, and what they report."""
