"""Modules that are covered by a test of another name.

keys, known_hosts, target: tests/ssh/test_commands.py
dial, host_key_check: tests/ssh/test_sshd.py
port_forward: tests/gpu_kernel/test_client.py
"""
