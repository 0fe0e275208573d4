"""Modules that are covered by a test of another name.

gpu_cells: tests/magics/test_gpu.py
training_cell: tests/magics/test_finetune.py
"""
