"""Modules that are covered by a test of another name.

settings, optimizers: tests/training/recipe/test_recipe.py
"""
