"""Modules that are covered by a test of another name.

status: tests/gpu_kernel/link/test_receiver.py
"""
