"""Modules that are covered by a test of another name.

api, http, rules, sessions, state: tests/practice/ec2/test_lifecycle.py
fault_queue, wsgi: tests/practice/ec2/test_faults.py
metadata: tests/practice/hosts/test_hosts.py
"""
