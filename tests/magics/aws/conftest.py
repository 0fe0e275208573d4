"""Modules that are covered by a test of another name.

options: tests/magics/aws/test_power.py
stopping: tests/actions/runs/test_remote_finetune.py
"""
