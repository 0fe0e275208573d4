"""Code for Keras 1 on Theano, Python 3.7 to 3.11; it imports no other dl_magics module."""
