"""Runs that are interrupted on one instance and resumed on another."""
