"""Modules that are covered by a test of another name:

checkpoint_copy, move: tests/actions/runs/test_remote_finetune.py
"""
