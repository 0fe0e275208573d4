"""Modules that are covered by a test of another name.

instance_bill, run_costs: tests/actions/aws/billing/test_bill.py
receipts: tests/magics/aws/test_power.py
"""
