"""The files that `%backend theano --setup` installs beside Keras 1 and Theano."""

from __future__ import annotations

from importlib.resources import files


def read_text(name: str) -> str:
    """Return the text of `requirements.txt`, `site.py` or `theanorc`."""
    return files("dl_magics.training.theano").joinpath(name).read_text("utf-8")
