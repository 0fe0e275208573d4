"""Modules that are covered by a test of another name.

adapters: tests/training/backbones/test_hub.py
graph: tests/training/backbones/test_hub.py
trained_weights: tests/actions/runs/test_estimate.py
"""
