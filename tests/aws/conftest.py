"""Modules that are covered by a test of another name.

launch, quotas: tests/magics/aws/test_launch.py
parsing, volumes: tests/magics/aws/test_instances.py
session: tests/aws/test_error_mapping.py
profile: tests/magics/aws/test_account.py
instance_types: tests/aws/test_images.py
"""
