"""Modules that are covered by a test of another name.

client, status: tests/magics/aws/test_guard.py
"""
