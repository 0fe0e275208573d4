"""Modules that are covered by a test of another name.

security_group, own_address: tests/magics/aws/test_power.py
"""
