"""Modules that are covered by a test of another name.

instances: tests/magics/aws/test_power.py
account, check, price_list: tests/magics/aws/test_account.py
practice: tests/magics/test_practice.py
"""
