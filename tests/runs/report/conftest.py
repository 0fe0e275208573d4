"""Modules that are covered by a test of another name.

curves, results, use: tests/runs/report/test_page.py
"""
