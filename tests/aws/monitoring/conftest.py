"""Modules that are covered by a test of another name.

cloudwatch: tests/actions/aws/guard/test_alarm.py
"""
