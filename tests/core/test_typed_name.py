"""A name in a line that is typed, as IPython evaluates it and a magic parses it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.process import arg_split
from traitlets.config import Config

import dl_magics
from dl_magics.core.typed_name import quote_name

ID = "i-0123456789abcdef0"
PACKAGE = Path(dl_magics.__file__).parent
# What these take as an argument is the name of an instance or of another host.
_TAKES_A_NAME = re.compile(r"%(?:aws_\w+|gpu_connect|idle_timeout)(?: [^·,;:%(\s]+){0,4} $")
_IS_A_NAME = re.compile(r"(?:^|[.\"'])(?:name|host|each|instance)['\"]?\]?$|quote\(.*\.name\)$")


@pytest.fixture(scope="module")
def shell() -> InteractiveShell:
    return InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))


def type_line(shell: InteractiveShell, name: str) -> list[str]:
    """Return the arguments of the magic of a cell, after IPython has evaluated its line."""
    cell = TransformerManager().transform_cell(f"%aws_stop {name}")
    (statement,) = ast.parse(cell).body
    magic, line = (each.value for each in statement.value.args)
    assert magic == "aws_stop"
    return arg_split(shell.var_expand(line, 0), posix=True)


@given(st.text(max_size=30) | st.text("{}$'\"\\ -!;?%x1\n", max_size=12))
def test_a_typed_name_is_one_word_that_ipython_does_not_evaluate(shell, name):
    assert type_line(shell, quote_name(name, ID)) in ([name], [ID])
    assert type_line(shell, quote_name(name)) in ([name], ["NAME"])


@pytest.mark.parametrize("name", ["gpu", "my-gpu_2.b", "4"])
def test_a_plain_name_is_typed_as_it_is(name):
    assert quote_name(name, ID) == quote_name(name) == name


@pytest.mark.parametrize("name", ["my gpu", "gpu{1/0}", "$HOME", "-y", "", "a\nb", "gpu@host", "ä"])
def test_another_name_is_typed_as_the_id(name):
    assert quote_name(name, ID) == ID


def test_a_name_that_is_the_id_of_another_instance_does_not_name_it():
    assert quote_name("i-00000000000000000", ID) == ID


def test_a_host_without_an_id_is_typed_as_it_was():
    assert quote_name("me@host:2222", "me@host:2222") == "me@host:2222"


@pytest.mark.parametrize(
    ("name", "typed"), [("my gpu", "'my gpu'"), ("gpu{1/0}", "NAME"), ("-y", "NAME")]
)
def test_a_name_without_an_id_is_quoted_where_that_is_enough(name, typed):
    assert quote_name(name) == typed


def find_unquoted(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and expression of each name in an f-string that is an argument of a magic."""
    quoted = {
        ast.unparse(each.targets[0])
        for each in ast.walk(tree)
        if isinstance(each, ast.Assign) and "quote_name(" in ast.unparse(each.value)
    }
    for string in (each for each in ast.walk(tree) if isinstance(each, ast.JoinedStr)):
        before = ""
        for part in string.values:
            if isinstance(part, ast.Constant):
                before += part.value
                continue
            text = ast.unparse(part.value)
            if _TAKES_A_NAME.search(before) and _IS_A_NAME.search(text) and text not in quoted:
                yield part.lineno, text
            before += "x"


def test_no_advice_names_an_instance_or_a_host_without_the_helper():
    unquoted = [
        f"{file.relative_to(PACKAGE)}:{line}: {text}"
        for file in sorted(PACKAGE.rglob("*.py"))
        for line, text in find_unquoted(ast.parse(file.read_text(encoding="utf-8")))
    ]
    assert not unquoted, "\n".join(unquoted)
