"""Modules that are covered by a test of another name.

gpu_cells: tests/magics/test_gpu.py
browser_question: tests/magics/test_prompts.py
training_cell: tests/magics/test_finetune.py
"""
