"""Runs on the instance, as root, to stop it when it is idle or at a set time.

It needs Python 3.8 or newer and the standard library, and imports nothing else of ours.
"""
