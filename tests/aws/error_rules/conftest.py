"""Modules that are covered by a test of another name.

instance_profiles: tests/magics/aws/test_launch.py
rule, error_codes, boto_exceptions: tests/aws/test_error_rules.py
"""
