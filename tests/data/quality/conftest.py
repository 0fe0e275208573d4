"""Modules that are covered by a test of another name.

findings, folder_rules, image_rules, measure, parts: tests/data/quality/test_check.py
"""
