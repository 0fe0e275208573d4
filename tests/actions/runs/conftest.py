"""Modules that are covered by a test of another name.

remote_files, remote_runs, remote_stop: tests/actions/runs/test_remote_finetune.py
"""
