"""Modules that are covered by a test of another name.

api, http, sessions, state: tests/practice/ec2/test_lifecycle.py
images, type_rules: tests/practice/ec2/test_rules.py
wsgi: tests/practice/ec2/test_faults.py
metadata: tests/practice/hosts/test_hosts.py
"""
