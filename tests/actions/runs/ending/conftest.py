"""Modules that are covered by a test of another name.

plan: tests/magics/aws/test_stopping.py
"""
