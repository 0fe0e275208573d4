"""Modules that are covered by a test of another name.

requests: tests/magics/aws/test_spot.py
"""
