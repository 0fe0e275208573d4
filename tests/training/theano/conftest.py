"""Modules that are covered by a test of another name.

resources: tests/actions/keras/test_theano.py
convolutions, engine, env, examples, limits, messages, model: tests/training/test_theano.py
process, select, site: tests/training/test_theano.py
"""
