"""Modules that are covered by a test of another name.

resources: tests/actions/keras/test_theano.py
convolutions, env, examples, limits, messages, model: tests/training/theano/test_engine.py
process, select, site: tests/training/theano/test_engine.py
"""
