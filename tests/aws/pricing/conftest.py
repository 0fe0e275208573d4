"""Modules that are covered by a test of another name.

prices: tests/magics/aws/test_account.py
"""
