"""Modules that are covered by a test of another name:

answers, interruptions, prices, rules: tests/practice/ec2/spot/test_requests.py
"""
