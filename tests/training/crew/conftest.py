"""Modules that are covered by a test of another name.

computing, crew, dask_settings, kept, task, worker: tests/crew/test_runs.py
"""
