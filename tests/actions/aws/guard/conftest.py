"""Modules that are covered by a test of another name.

control, safety, rehearsal: tests/magics/aws/test_guard.py
ends: tests/magics/aws/test_power.py
watch: tests/server/monitors/test_guards.py
"""
