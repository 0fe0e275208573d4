"""Modules that are covered by a test of another name.

launch, parsing, prices, quotas, security_group: tests/magics/test_aws.py
session: tests/aws/test_error_mapping.py
profile: tests/magics/test_account.py
instance_types: tests/aws/test_images.py
"""
