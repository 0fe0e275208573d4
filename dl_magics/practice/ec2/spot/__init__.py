"""Spot instances: their requests, prices and interruptions."""
