"""Modules that are covered by a test of another name.

cleaning_requests: tests/actions/results/test_cleaning.py
data_requests: tests/training/checks/test_label_check.py
"""
