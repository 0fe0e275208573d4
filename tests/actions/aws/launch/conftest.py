"""Modules that are covered by a test of another name.

launch, plan: tests/magics/aws/test_launch.py
crew: tests/magics/aws/test_launch_crew.py
explain: tests/actions/aws/explain/test_scripts.py
interrupted: tests/magics/interrupts/test_instances.py
"""
