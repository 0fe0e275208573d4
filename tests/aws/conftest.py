"""Modules that are covered by a test of another name.

launch, quotas: tests/magics/aws/test_launch.py
parsing: tests/magics/aws/test_instances.py
instance_types: tests/aws/test_images.py
"""
