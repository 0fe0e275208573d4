"""What an interpreter newer than Keras 1 and Theano needs; run whenever it starts."""

import collections
import collections.abc
import inspect
import os
import sys

# Keras 1 and 2.3 take it from where it was until Python 3.9.
vars(collections)["Iterable"] = collections.abc.Iterable
if not hasattr(inspect, "getargspec"):
    vars(inspect)["getargspec"] = inspect.getfullargspec
# NumPy's wheels tell Theano no linear algebra to link; without any, Theano calls NumPy's own.
# Files to the right win, so the person's own count as ever.
own = os.environ.get("THEANORC", "~/.theanorc")
os.environ["THEANORC"] = f"{sys.prefix}/theanorc{os.pathsep}{own}"
