"""Modules that are covered by a test of another name.

manage: tests/widgets/test_keras_settings.py
restart: tests/magics/test_backend.py
"""
