"""Compatibility of newer Python versions with Keras 1 and Theano; runs at each start."""

import collections
import collections.abc
import inspect
import os
import sys

# Keras 1 and 2.3 import it from where it was until Python 3.9.
vars(collections)["Iterable"] = collections.abc.Iterable
if not hasattr(inspect, "getargspec"):
    vars(inspect)["getargspec"] = inspect.getfullargspec
# NumPy's wheels give Theano no BLAS to link to; with empty ldflags it calls NumPy's.
# Later files take precedence, so the user's own settings apply.
own = os.environ.get("THEANORC", "~/.theanorc")
os.environ["THEANORC"] = f"{sys.prefix}/theanorc{os.pathsep}{own}"
