"""Train VGG16 on Theano: Keras 1 in a separate interpreter."""
