"""Modules that are covered by a test of another name.

alarm, guard, reads, shell, steps: tests/actions/aws/explain/test_scripts.py
"""
