"""Modules that are covered by a test of another name.

curves, results: tests/runs/report/test_page.py
"""
