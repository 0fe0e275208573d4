"""Modules that are covered by a test of another name.

tagging: tests/magics/runs/test_managing.py
"""
