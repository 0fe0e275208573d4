"""Synchronizes files with a host."""
