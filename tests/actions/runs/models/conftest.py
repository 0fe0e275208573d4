"""Modules that are covered by a test of another name.

own_model: tests/actions/runs/test_remote_finetune.py
"""
