"""Modules that are covered by a test of another name.

remote_events: tests/actions/runs/test_remote_finetune.py
"""
