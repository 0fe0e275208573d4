"""Modules that are covered by a test of another name.

__main__, commands, files: tests/guard/service/test_service.py
"""
