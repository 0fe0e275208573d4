"""Modules that are covered by a test of another name.

explain, views: tests/magics/test_backend.py
form: tests/widgets/test_keras_settings.py
"""
