"""Modules that are covered by a test of another name.

compute: tests/training/engine/test_extraction.py
batch_trial: tests/training/engine/inference/test_batch_search.py
dispatch: tests/training/engine/inference/test_keras_compute.py
"""
