"""Modules that are covered by a test of another name.

process, server: tests/training/test_load_check.py
"""
