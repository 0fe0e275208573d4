"""Modules that are covered by a test of another name.

device_probe: tests/actions/gpu/test_stack.py
info: tests/host/test_environments.py
"""
