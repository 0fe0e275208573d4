"""Modules that are covered by a test of another name.

paths: tests/training/engine/test_resume.py
"""
