"""Modules that are covered by a test of another name.

find_devices: tests/training/engine/test_device.py
host_devices: tests/crew/joint/test_joint_hosts.py
"""
