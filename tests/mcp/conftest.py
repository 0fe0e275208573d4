"""The SDK's own client asks.

Modules that are covered by a test of another name:

__main__, answers: tests/mcp/test_server.py
"""
