"""Modules that are covered by a test of another name.

report, reliability_chart: tests/actions/results/bias/test_reporting.py
"""
