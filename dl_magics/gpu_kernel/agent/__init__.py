"""The agent: runs a kernel on the host and keeps a journal of all messages to and from it.

It is uploaded as one file and requires Python 3.8 or newer with pyzmq. It imports no other package
of dl_magics, and its own modules only relatively.
"""
