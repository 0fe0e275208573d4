"""Modules that are covered by a test of another name.

entry, request: tests/remote_code/test_runner.py
kernel_call: tests/gpu_kernel/test_gpu_cell.py
kernel_call: tests/magics/test_gpu.py
"""
