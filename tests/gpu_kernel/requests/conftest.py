"""Modules that are covered by a test of another name.

pending_request: tests/gpu_kernel/requests/test_pending_requests.py
requests: tests/gpu_kernel/test_client.py
"""
