"""Modules that are covered by a test of another name.

opening: tests/crew/joint/test_joint_hosts.py
"""
