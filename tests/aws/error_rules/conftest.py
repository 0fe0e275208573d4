"""Modules that are covered by a test of another name.

rule, error_codes, boto_exceptions: tests/aws/test_error_rules.py
"""
