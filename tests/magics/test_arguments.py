from __future__ import annotations

import re
from pathlib import Path

import pytest
from IPython.core import magic_arguments as ipython_arguments
from IPython.core.magic import Magics, line_magic, magics_class

from dl_magics.errors import BadSetting
from dl_magics.magics.arguments import (
    argument,
    magic_arguments,
    parse_argstring,
    strip_comment,
)

USAGE = "%greet [--times TIMES] name · %greet? shows its help."
README = Path(__file__).parents[2] / "README.md"


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


@pytest.mark.parametrize(
    ("line", "happened", "fix"),
    [
        ("Ada --loud", "unrecognized arguments: --loud.", USAGE),
        ("Ada --tiems 2", "unrecognized arguments: --tiems 2.", f"Nearest: --times. {USAGE}"),
        ("Ada --times", "argument --times: expected one argument.", USAGE),
        ("Ada --times=many", "argument --times: invalid int value: 'many'.", USAGE),
        ("", "the following arguments are required: name.", USAGE),
        ("Ada Grace", "unrecognized arguments: Grace.", f"Quote a name with spaces. {USAGE}"),
        (
            "Ada's",
            "no closing quotation in: Ada's.",
            f'Quote a name with a quote: "it\'s". {USAGE}',
        ),
        ("Ada --help", "unrecognized arguments: --help.", USAGE),
    ],
)
def test_what_a_magic_does_not_take_is_refused_with_what_it_takes(greet, line, happened, fix):
    with pytest.raises(BadSetting) as refused:
        greet(line)

    assert str(refused.value) == f"%greet: {happened}"
    assert refused.value.fix == fix


def test_a_magic_with_many_options_names_its_help(shell):
    shell.run_line_magic("load_ext", "dl_magics")

    with pytest.raises(BadSetting) as refused:
        shell.run_line_magic("aws_launch", "t2.micro --nmae gpu")

    assert refused.value.fix == "Nearest: --name. %aws_launch? shows its help."


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


@pytest.mark.parametrize(
    ("line", "rest"),
    [
        ("Ada  # whom to greet, in $", "Ada"),
        ("# all", ""),
        ("'Ada # Lovelace' # both names", "'Ada # Lovelace'"),
        ("Ada#1", "Ada#1"),
        ('"Ada', '"Ada'),
    ],
)
def test_a_comment_at_the_end_is_left_out(line, rest):
    assert strip_comment(line) == rest


def test_a_magic_is_called_with_a_comment(greet):
    assert greet("Ada --times 2   # it isn't a name") == "Hello Ada! Hello Ada! "


def test_every_line_of_the_readme_is_understood(shell):
    shell.run_line_magic("load_ext", "dl_magics")
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("%")]

    names = set()
    for line in lines:
        name, _, rest = line.lstrip("%").partition(" ")
        if parser := getattr(shell.find_magic(name), "parser", None):
            parser.parse_argstring(rest)
            names.add(name)

    assert {"aws_launch", "aws_start", "gpu_connect", "practice", "sync"} <= names
