"""Keras' and Theano's configuration files."""
