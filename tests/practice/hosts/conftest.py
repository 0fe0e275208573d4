"""Modules that are covered by a test of another name.

console, spec, ssh_server, stdio: tests/practice/hosts/test_hosts.py
"""
