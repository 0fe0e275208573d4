"""Modules that are covered by a test of another name.

launch, plan: tests/magics/test_aws.py
explain: tests/actions/aws/test_explain.py
"""
