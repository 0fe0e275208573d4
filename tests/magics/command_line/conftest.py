"""Modules that are covered by a test of another name.

checks, renting, session: tests/magics/command_line/test_run.py
"""
