"""Modules that are covered by a test of another name.

guard, reads, shell, steps: tests/actions/aws/explain/test_scripts.py
"""
