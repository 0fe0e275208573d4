"""Several devices of one host: which there are, and training on all of them."""
