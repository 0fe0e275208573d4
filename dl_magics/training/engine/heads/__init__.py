"""What is trained on the features: one or several heads, as one Keras model."""
