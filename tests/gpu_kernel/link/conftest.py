"""Modules that are covered by a test of another name.

heartbeat: tests/gpu_kernel/test_slow_line.py
status: tests/gpu_kernel/link/test_receiver.py
"""
