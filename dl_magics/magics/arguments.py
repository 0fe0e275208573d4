"""Argument parsers of magics, built at the first call in place of at import.

argparse takes a third of what `%load_ext dl_magics` may cost, mostly to format help texts.
"""

from __future__ import annotations

import os
import shlex
from argparse import Namespace
from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

from IPython.core import magic_arguments as ipython_arguments
from IPython.core.error import UsageError

__all__ = ["argument", "magic_arguments", "parse_argstring"]

Method = TypeVar("Method", bound=Callable[..., Any])

argument = ipython_arguments.argument


class LazyParser:
    """Stands for IPython's parser of a magic until the magic is called or its help is shown."""

    def __init__(self, magic: Callable[..., Any]) -> None:
        self._magic = magic

    @cached_property
    def _parser(self) -> Any:
        return ipython_arguments.construct_parser(self._magic)

    def parse_argstring(self, line: str) -> Namespace:
        """Parse the line of the magic as a shell splits it: quotes and backslashes are removed.

        Raises UsageError for an invalid line.
        """
        words = shlex.shlex(line, posix=True, punctuation_chars="")
        words.whitespace_split, words.commenters = True, ""
        if os.name == "nt":
            words.escape = ""  # a backslash is part of a path
        try:
            parsed: Namespace = self._parser.parse_args(list(words))
        except ValueError as error:
            raise UsageError(f"{str(error).lower()} in: {line}") from error
        return parsed

    def format_help(self) -> str:
        """Return what `%magic?` shows: usage, docstring, options."""
        text: str = self._parser.format_help()
        return text


def parse_argstring(magic: Any, line: str) -> Namespace:
    """Parse the line of a magic, with quotes as in a shell: a name may have spaces."""
    parsed: Namespace = magic.parser.parse_argstring(line)
    return parsed


def magic_arguments() -> Callable[[Method], Method]:
    """Give a magic a parser made of its `argument` decorators, as IPython's decorator does."""

    def decorate(magic: Method) -> Method:
        parser = LazyParser(magic)
        # IPython's own functions look the two up by these names.
        vars(magic).update(parser=parser, getdoc=parser.format_help)
        return magic

    return decorate
