"""Modules that are covered by a test of another name.

codec, plain, dates, arrays, tables, columns, tensors: tests/core/serialization/test_node_table.py
"""
