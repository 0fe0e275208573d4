"""Modules that are covered by a test of another name.

practice: tests/magics/test_aws.py
gpu_cells: tests/magics/test_gpu.py
"""
