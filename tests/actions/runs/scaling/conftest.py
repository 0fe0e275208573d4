"""Modules that are covered by a test of another name.

host_speed: tests/actions/runs/test_estimate.py
options, proposal: tests/actions/runs/scaling/test_other_types.py
"""
