"""Let Theano find what an earlier process compiled.

An operation that has no parameters is one without a version for it: its code, which softmax and
dropout have, is compiled in each process again.
"""

from theano import gof


def keep() -> None:
    """Give such operations a parameter, the same for all of a class."""
    classes = [gof.Op]
    while classes:
        operation = classes.pop()
        classes += operation.__subclasses__()
        if vars(operation).get("__props__") == ():
            operation.__props__ = ("__module__",)
