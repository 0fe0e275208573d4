"""Modules that are covered by a test of another name.

opening, trainer_process: tests/crew/joint/test_joint_hosts.py
"""
