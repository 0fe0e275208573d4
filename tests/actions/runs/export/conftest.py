"""Modules that are covered by a test of another name.

guide, instance_scripts, launch_script, layout, training_scripts: tests/actions/runs/export/test_export.py
"""
