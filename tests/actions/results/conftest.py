"""Modules that are covered by a test of another name.

explain: tests/magics/results/test_magics.py
gallery: tests/actions/results/test_views.py
many_classes: tests/actions/results/test_matrix.py
"""
