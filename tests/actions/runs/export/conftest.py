"""Modules that are covered by a test of another name.

guide, instance_scripts, launch_script: tests/actions/runs/export/test_export.py
layout, training_scripts: tests/actions/runs/export/test_export.py
"""
