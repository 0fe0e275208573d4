"""Loads models as a check, in processes that are kept apart from everything else."""
