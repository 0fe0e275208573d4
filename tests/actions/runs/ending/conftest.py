"""Modules that are covered by a test of another name.

plan, resumed: tests/magics/aws/test_stopping.py
"""
