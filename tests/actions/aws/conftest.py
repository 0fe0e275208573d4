"""Modules that are covered by a test of another name.

access, instances, practice, check: tests/magics/test_aws.py
price_list: tests/magics/test_aws.py
account: tests/magics/test_account.py
"""
