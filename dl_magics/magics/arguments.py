"""Argument parsers of magics, built at the first call in place of at import.

argparse takes a third of what `%load_ext dl_magics` may cost, mostly to format help texts.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

from IPython.core import magic_arguments as ipython_arguments

__all__ = ["argument", "magic_arguments", "parse_argstring"]

Method = TypeVar("Method", bound=Callable[..., Any])

argument = ipython_arguments.argument
parse_argstring = ipython_arguments.parse_argstring


class LazyParser:
    """Stands for IPython's parser of a magic until the magic is called or its help is shown."""

    def __init__(self, magic: Callable[..., Any]) -> None:
        self._magic = magic

    @cached_property
    def _parser(self) -> Any:
        return ipython_arguments.construct_parser(self._magic)

    def parse_argstring(self, line: str, **options: bool) -> Namespace:
        """Parse the line of the magic; raise UsageError for an invalid one.

        `options` are those that the installed version of IPython passes on to its parser.
        """
        parsed: Namespace = self._parser.parse_argstring(line, **options)
        return parsed

    def format_help(self) -> str:
        """Return what `%magic?` shows: usage, docstring, options."""
        text: str = self._parser.format_help()
        return text


def magic_arguments() -> Callable[[Method], Method]:
    """Give a magic a parser made of its `argument` decorators, as IPython's decorator does."""

    def decorate(magic: Method) -> Method:
        parser = LazyParser(magic)
        # IPython's own functions look the two up by these names.
        vars(magic).update(parser=parser, getdoc=parser.format_help)
        return magic

    return decorate
