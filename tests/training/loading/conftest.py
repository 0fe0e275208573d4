"""Modules that are covered by a test of another name.

process, server: tests/training/loading/test_load_check.py
isolated_load: tests/hostile/test_model_files.py
"""
