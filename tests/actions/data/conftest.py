"""Modules that are covered by a test of another name.

checks, explain: tests/magics/data/test_checking.py
splits: tests/magics/data/test_splitting.py
host_call, place: tests/actions/runs/test_remote_finetune.py
gallery, received: tests/actions/data/test_report.py
"""
