"""Modules that are covered by a test of another name.

settings, optimizers: tests/training/recipe/test_recipe.py
notebook_names: tests/training/recipe/test_cell_parser.py
hub_presets: tests/training/backbones/test_hub.py
own_model: tests/training/backbones/test_own.py
"""
