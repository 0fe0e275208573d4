"""A computer that has little: of memory, of disk."""
