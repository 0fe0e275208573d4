"""VGG16 on a real Theano: Keras 1 in an interpreter of its own, never in ours."""
