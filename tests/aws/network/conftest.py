"""Modules that are covered by a test of another name."""
