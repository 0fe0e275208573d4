"""Export the model of a run in the formats of `keras.Model.export`."""
