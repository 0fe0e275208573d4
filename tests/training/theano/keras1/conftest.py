"""Modules that are covered by a test of another name.

compiled, head, vgg16, worker: tests/training/theano/test_engine.py
"""
