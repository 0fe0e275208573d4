"""Modules that are covered by a test of another name.

known, price_cache, price_list_api, spot, zone_prices: tests/aws/pricing/test_prices.py
"""
