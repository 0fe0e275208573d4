"""Modules that are covered by a test of another name.

__main__, files, settings, start: tests/guard/service/test_service.py
"""
