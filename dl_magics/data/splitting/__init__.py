"""Split a data set into folders for training, validation and test, without changing it."""
