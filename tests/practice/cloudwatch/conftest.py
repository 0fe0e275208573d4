"""Modules that are covered by a test of another name.

cpu_use: tests/practice/cloudwatch/test_alarms.py
"""
