"""Settings of Keras and Theano: files of other programs, read as they read them.

Standard library only, and Python 3.8: the same code also answers on an instance.
"""
