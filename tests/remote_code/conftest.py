"""Modules that are covered by a test of another name.

entry, kernel_call, request: tests/actions/keras/test_settings.py
"""
