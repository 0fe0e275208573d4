"""What runs under Keras 1 on Theano, in Python 3.7 to 3.11: it imports nothing else of ours."""
