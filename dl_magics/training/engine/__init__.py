"""Trains a recipe with Keras 3."""
