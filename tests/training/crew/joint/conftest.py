"""Modules that are covered by a test of another name.

build, hosted_network, state, training: tests/crew/joint/test_joint_hosts.py
"""
