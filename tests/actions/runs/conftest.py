"""Modules that are covered by a test of another name.

deletion: tests/magics/runs/test_managing.py
measured_speed: tests/actions/runs/test_estimate.py
remote_files, remote_runs, remote_stop: tests/actions/runs/test_remote_finetune.py
"""
