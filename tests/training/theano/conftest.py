"""Modules that are covered by a test of another name.

convolutions, engine, env, examples, limits, messages, model: tests/training/test_theano.py
process, select, site: tests/training/test_theano.py
"""
