from __future__ import annotations

import pytest
from IPython.core.interactiveshell import InteractiveShell

from support.kernel import runner, shell_with_magics


@pytest.fixture
def any_magic():
    yield runner(shell_with_magics())
    InteractiveShell.clear_instance()


@pytest.mark.parametrize(
    ("line", "money"),
    [
        ("%aws_check", " · %aws_list shows what costs money"),
        ("%aws_list --everywhere", " · %aws_list shows what costs money"),
        ("%gpu_connect gpu", ""),
    ],
)
def test_each_magic_says_in_two_lines_that_it_was_interrupted(
    cloud, interrupt_at, any_magic, line, money
):
    interrupt_at("DescribeInstances")

    with pytest.raises(KeyboardInterrupt) as raised:
        any_magic(line)

    said = " ".join("\n".join(raised.value._render_traceback_()).split())
    assert said == (
        f"KeyboardInterrupt: {line.split()[0]} was interrupted before its end. "
        f"To run it again: {line}{money}"
    )


def test_a_cell_fails_where_it_was_interrupted(cloud, interrupt_at, any_magic, capsys):
    interrupt_at("DescribeInstances")

    done = any_magic.shell.run_cell("%aws_list\nprint('not reached')")

    assert isinstance(done.error_in_exec, KeyboardInterrupt)
    assert "not reached" not in capsys.readouterr().out


def test_the_help_of_a_magic_is_its_own(any_magic, capsys):
    any_magic.shell.run_cell("%aws_list?")

    assert "List all instances" in capsys.readouterr().out
