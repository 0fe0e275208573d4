"""Modules that are covered by a test of another name.

assets: tests/widgets/test_live.py
manage: tests/widgets/test_keras_settings.py
saved_note: tests/journeys/test_run_widget.py
restart: tests/magics/test_backend.py
"""
