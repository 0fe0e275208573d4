"""Spot instances: how they are requested, and what becomes of their requests."""
