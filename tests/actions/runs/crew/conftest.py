"""Modules that are covered by a test of another name.

files: tests/actions/runs/crew/test_hosts.py
"""
