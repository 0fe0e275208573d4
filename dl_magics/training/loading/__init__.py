"""The processes that load models for a check."""
