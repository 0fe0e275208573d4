"""Modules that are covered by a test of another name.

scripts: tests/magics/test_explain.py
"""
