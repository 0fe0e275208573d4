from __future__ import annotations

import pytest
from IPython.core import magic_arguments as ipython_arguments
from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_magic, magics_class

from dl_magics.magics.arguments import argument, magic_arguments, parse_argstring


@pytest.fixture
def built(monkeypatch):
    """The names of the magics whose parser was built."""
    names = []
    build = ipython_arguments.construct_parser

    def construct_parser(magic):
        names.append(magic.__name__)
        return build(magic)

    monkeypatch.setattr(ipython_arguments, "construct_parser", construct_parser)
    return names


@pytest.fixture
def greet(shell, built):
    @magics_class
    class Greeting(Magics):
        @magic_arguments()
        @argument("name", help="whom to greet")
        @argument("--times", type=int, default=1)
        @line_magic
        def greet(self, line):
            """Greet somebody.

            ::

                %greet Ada
            """
            args = parse_argstring(self.greet, line)
            return f"Hello {args.name}! " * args.times

    shell.register_magics(Greeting)
    return lambda line: shell.run_line_magic("greet", line)


def test_loading_builds_no_parser(shell, built):
    shell.run_line_magic("load_ext", "dl_magics")

    assert built == []


def test_the_first_call_builds_the_parser_and_the_next_ones_use_it(greet, built):
    assert greet("Ada --times 2") == "Hello Ada! Hello Ada! "
    assert greet("Grace") == "Hello Grace! "

    assert built == ["greet"]


def test_an_unknown_option_is_a_usage_error(greet):
    with pytest.raises(UsageError, match="--loud"):
        greet("Ada --loud")


def test_the_help_shows_usage_docstring_and_options(shell, greet):
    shown = shell.object_inspect_text("%greet")

    assert "--times TIMES" in shown
    assert "%greet Ada" in shown
    assert "whom to greet" in shown


@pytest.mark.parametrize("magic", ["aws_start", "gpu_connect", "sync"])
def test_the_help_of_our_magics_shows_their_options_and_examples(shell, magic):
    shell.run_line_magic("load_ext", "dl_magics")

    shown = shell.object_inspect_text(f"%{magic}")

    assert "options:" in shown
    assert f"%{magic} " in shown
