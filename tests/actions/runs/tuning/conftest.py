"""Modules that are covered by a test of another name.

learning_rate: tests/magics/runs/test_tuning.py
"""
