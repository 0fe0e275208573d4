"""Argument parsers of magics, built at the first call in place of at import.

argparse takes a third of what `%load_ext dl_magics` may cost, mostly to format help texts.
"""

from __future__ import annotations

import os
import re
import shlex
from argparse import Namespace
from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

from IPython.core import magic_arguments as ipython_arguments
from IPython.core.error import UsageError

from dl_magics.errors import BadSetting

__all__ = ["RUN", "argument", "magic_arguments", "parse_argstring", "strip_comment"]

Method = TypeVar("Method", bound=Callable[..., Any])
_LONGEST_USAGE = 160
_OPTION = re.compile(r"(?<![\w-])--?[a-z][\w-]*")

argument = ipython_arguments.argument
RUN = argument(
    "run", nargs="?", default="", help="name of the run, or a part of it (default: the newest)"
)


class LazyParser:
    """Stands for IPython's parser of a magic until the magic is called or its help is shown."""

    def __init__(self, magic: Callable[..., Any]) -> None:
        self._magic = magic

    @cached_property
    def _parser(self) -> Any:
        return ipython_arguments.construct_parser(self._magic)

    def parse_argstring(self, line: str) -> Namespace:
        """Parse the line of the magic as a shell splits it: quotes and backslashes are removed.

        A comment after ` #` is left out. Raises BadSetting for an invalid line.
        """
        words = shlex.shlex(strip_comment(line), posix=True, punctuation_chars="")
        words.whitespace_split, words.commenters = True, ""
        if os.name == "nt":
            words.escape = ""  # a backslash is part of a path
        try:
            given = list(words)
            parsed: Namespace = self._parser.parse_args(given)
        except ValueError as error:
            problem = f"{str(error).lower()} in: {line}"
            raise self._refuse(problem, 'Quote a name with a quote: "it\'s". ') from error
        except UsageError as error:
            raise self._refuse(str(error), self._suggest(str(error), given)) from error
        return parsed

    def _refuse(self, problem: str, hint: str) -> BadSetting:
        name, usage = self._magic.__name__, " ".join(self._parser.format_usage().split()[1:])
        takes = f"{usage} · " if len(usage) <= _LONGEST_USAGE else ""
        return BadSetting(f"%{name}: {problem}.", fix=f"{hint}{takes}%{name}? shows its help.")

    def _suggest(self, problem: str, given: list[str]) -> str:
        from difflib import get_close_matches

        options = _OPTION.findall(self._parser.format_help())
        typed = [word.partition("=")[0] for word in given if word.startswith("-")]
        unknown = [word for word in typed if word not in options]
        for word in unknown:
            for near in get_close_matches(word, options, n=1):
                return f"Nearest: {near}. "
        has_words = problem.startswith("unrecognized arguments") and not unknown
        return "Quote a name with spaces. " if has_words else ""

    def format_help(self) -> str:
        """Return what `%magic?` shows: usage, docstring, options."""
        text: str = self._parser.format_help()
        return text


def strip_comment(line: str) -> str:
    """Return the line of a magic without the comment at its end, as in Python or a shell.

    A comment begins with a `#` at the start of a word, outside of quotes.
    """
    quote = ""
    for position, character in enumerate(line):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == "#" and (position == 0 or line[position - 1].isspace()):
            return line[:position].rstrip()
    return line


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
