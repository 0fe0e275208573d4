"""Modules that are covered by a test of another name.

base, routes: tests/server/test_authorization.py
account: tests/server/test_account.py
runs: tests/server/handlers/test_instances.py
"""
