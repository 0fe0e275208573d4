"""Modules that are covered by a test of another name.

__main__, activity, channels, clients, files, kernel_process: tests/gpu_kernel/agent/test_agent.py
messages: tests/gpu_kernel/agent/test_agent.py
journal_writer, segment: tests/gpu_kernel/agent/test_journal.py
"""
