"""Modules that are covered by a test of another name:

line_parser: tests/training/recipe/test_cell_parser.py
"""
