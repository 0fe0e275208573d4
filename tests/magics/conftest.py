"""Modules that are covered by a test of another name.

practice, prompts: tests/magics/test_aws.py
"""
