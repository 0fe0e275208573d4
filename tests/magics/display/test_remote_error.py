from __future__ import annotations

import builtins
import sys

import pytest

from dl_magics.magics.display.remote_error import GpuError, build_error, raise_error

BUILT_IN = sorted(
    name
    for name, kind in vars(builtins).items()
    if isinstance(kind, type) and issubclass(kind, Exception) and kind.__name__ == name
)
# Inheriting from these would change how IPython or a loop treats the error.
ONLY_BY_NAME = {
    *("SyntaxError", "IndentationError", "TabError", "StopIteration", "StopAsyncIteration"),
    "ExceptionGroup",
}


def error(name, text="some 'text'", traceback=()):
    return build_error({"ename": name, "evalue": text, "traceback": list(traceback)})


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_exception_keeps_its_name_its_text_and_its_except(name):
    failed = error(name)

    assert (type(failed).__name__, str(failed)) == (name, "some 'text'")
    assert isinstance(failed, GpuError)
    assert isinstance(failed, getattr(builtins, name)) is (name not in ONLY_BY_NAME)


def test_the_class_of_a_package_keeps_its_name():
    failed = error("torch.cuda.OutOfMemoryError", "CUDA out of memory")

    assert type(failed).__name__ == "OutOfMemoryError"
    assert type(failed) is type(error("OutOfMemoryError"))
    assert isinstance(failed, GpuError)


def test_an_interrupt_is_not_swallowed_by_except_exception():
    failed = error("KeyboardInterrupt", "")

    assert isinstance(failed, KeyboardInterrupt)
    assert not isinstance(failed, Exception)


@pytest.mark.parametrize("name", ["SystemExit", "GeneratorExit"])
def test_an_exit_there_does_not_end_the_kernel_here(name):
    assert isinstance(error(name), Exception)
    assert not isinstance(error(name), getattr(builtins, name))


def test_the_traceback_is_that_of_the_gpu_kernel():
    lines = ["Traceback", "NameError: name 'x' is not defined"]

    assert error("NameError", traceback=lines)._render_traceback_() == lines
    assert error("NameError", "no x")._render_traceback_() == ["NameError: no x"]
    assert error("NameError", "")._render_traceback_() == ["NameError"]


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"ename": "<script>", "evalue": "", "traceback": []},
        {"ename": None, "evalue": 3, "traceback": "x" * 3},
        {"ename": ["a"], "evalue": {}, "traceback": [None, 3]},
    ],
)
def test_an_error_message_that_is_none_is_a_gpu_error(content):
    assert type(build_error(content)).__name__ == "GpuError"
    assert all(isinstance(line, str) for line in build_error(content)._render_traceback_())


def test_a_name_is_not_longer_than_a_line():
    assert len(type(error("x" * 10_000_000)).__name__) == 200


def test_the_debugger_stops_where_two_lines_say_how_to_debug_the_cell(shell, monkeypatch, capsys):
    monkeypatch.setattr("builtins.input", lambda _prompt: "q")
    shell.push(
        {"raise_error": raise_error, "failed": error("ZeroDivisionError", "division by zero")}
    )
    shell.run_cell("raise_error(failed)")
    capsys.readouterr()

    tracing = sys.gettrace()
    shell.run_cell("%debug")
    sys.settrace(tracing)  # the debugger ends with no tracing at all: coverage traces, too

    shown = capsys.readouterr().out
    assert "This debugger cannot show the code of the cell" in shown
    assert "%%gpu and %debug" in shown
