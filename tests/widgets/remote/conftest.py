"""Modules that are covered by a test of another name.

control, models, views: tests/widgets/remote/test_bridge.py
"""
