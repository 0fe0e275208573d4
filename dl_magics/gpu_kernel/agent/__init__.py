"""Keeps a kernel on the instance, and a journal of every message to and from it.

Runs on the instance, as one file, in any Python from 3.8 on that has pyzmq; imports nothing else
of ours, and itself only relatively.
"""
