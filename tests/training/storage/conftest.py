"""Modules that are covered by a test of another name.

inventory, spaces: tests/training/storage/test_clearing.py
"""
