"""Modules that are covered by a test of another name.

commands: tests/actions/gpu/explain/test_scripts.py
"""
