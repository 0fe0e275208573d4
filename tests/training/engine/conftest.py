"""Modules that are covered by a test of another name.

fingerprint, resume_point: tests/training/engine/test_resume.py
scanned_images, views: tests/training/engine/test_extraction.py
keras_context: tests/training/engine/test_pipeline.py
"""
