"""Modules that are covered by a test of another name.

data_requests: tests/training/checks/test_label_check.py
"""
