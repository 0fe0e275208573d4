"""Modules that are covered by a test of another name.

field_rules: tests/hostile/test_run_events.py
paths: tests/training/engine/test_resume.py
photo_prediction: tests/runs/test_evaluation.py
"""
