"""Modules that are covered by a test of another name.

spec, ssh_server, stdio: tests/practice/hosts/test_hosts.py
"""
