"""Modules that are covered by a test of another name.

events, fault, queue, table: tests/practice/ec2/test_faults.py
refusals, spot_refusals: tests/aws/test_refusals.py
s3_refusals: tests/practice/s3/test_service.py
"""
