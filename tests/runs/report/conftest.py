"""Modules that are covered by a test of another name.

curves, results: tests/runs/report/test_page.py
loading_code: tests/runs/report/test_use.py
"""
