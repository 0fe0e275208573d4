"""Modules that are covered by a test of another name.

cell: tests/magics/in_a_kernel/test_gpu_in_a_kernel.py
cell_widgets: tests/magics/in_a_kernel/test_gpu_widgets.py
earlier_output: tests/magics/test_gpu.py
predict_progress: tests/magics/in_a_kernel/test_in_a_kernel.py
progress_lines: tests/magics/display/test_live.py
"""
