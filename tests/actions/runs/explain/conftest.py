"""Modules that are covered by a test of another name.

scripts: tests/actions/aws/explain/test_every_magic.py
"""
