"""In a terminal; in a kernel see tests/magics/in_a_kernel/test_gpu_in_a_kernel.py."""

from __future__ import annotations

from dl_magics.magics.display.late_output import LateOutput


def message(kind, **content):
    return {"header": {"msg_type": kind}, "content": content}


def test_late_output_is_printed_in_a_terminal(shell, capsys):
    late = LateOutput(shell)

    late.show(message("status", execution_state="idle"))
    late.show(message("stream", name="stdout", text="late\n"))
    late.show(message("stream", name="stderr", text="careful\n"))

    assert capsys.readouterr() == ("late\n", "careful\n")


def test_the_error_of_a_cell_that_was_left_is_printed_in_a_terminal(shell, capsys):
    lines = ["Traceback", "KeyboardInterrupt: "]

    LateOutput(shell).show(message("error", ename="KeyboardInterrupt", evalue="", traceback=lines))

    assert capsys.readouterr().err == "Traceback\nKeyboardInterrupt: \n"
