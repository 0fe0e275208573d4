"""Modules that are covered by a test of another name.

keras_code: tests/training/test_explain.py
learned: tests/training/backbones/test_hub.py
stored_examples: tests/training/engine/test_pipeline.py
"""
