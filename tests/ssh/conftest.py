"""Modules that are covered by a test of another name.

keys, known_hosts, target: tests/ssh/test_commands.py
port_forward, retry: tests/gpu_kernel/test_client.py
sftp: tests/sync/test_sync.py

Modules that are covered by a test of another name:

keys, known_hosts, target: tests/ssh/test_commands.py
port_forward, retry: tests/gpu_kernel/test_client.py
sftp: tests/sync/test_sync.py
"""
