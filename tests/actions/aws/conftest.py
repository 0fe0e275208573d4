"""Modules that are covered by a test of another name.

access, instances, launch, launch_plan, practice, check: tests/magics/test_aws.py
price_list: tests/magics/test_aws.py
account: tests/magics/test_account.py
explain_launch: tests/actions/aws/test_explain.py
"""
