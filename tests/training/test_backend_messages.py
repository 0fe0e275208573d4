from __future__ import annotations

import os
import subprocess
import sys

import pytest

from dl_magics.errors import DamagedRun
from dl_magics.training import backend_messages

NOISE = (
    b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    b"I0000 00:00:1795679262.731054    7114 port.cc:153] oneDNN custom operations are on.\n"
    b"E0000 00:00:1795679262.731054    7114 cuda_dnn.cc:8579] Unable to register cuDNN factory\n"
    b"E0000 00:00:1795679273.302929    7114 cuda_platform.cc:52] failed call to cuInit: INTERNAL\n"
)
ERROR = b"E0000 00:00:1795679273.302929    7114 gpu.cc:1] The driver is too old.\n"
IN_A_TERMINAL = """
import os, sys, warnings
from dl_magics.training import backend_messages
with backend_messages.hold_back():
    os.write(2, b"I0000 from C++\\n")
    warnings.warn("from Python")
    {last}
print("after", file=sys.stderr)
"""


def test_messages_are_kept_in_the_folder_of_the_run_and_not_shown(tmp_path, capfd):
    with backend_messages.hold_back(tmp_path):
        os.write(2, NOISE)

    assert capfd.readouterr().err == ""
    assert (tmp_path / "messages.log").read_bytes() == NOISE


def test_an_error_is_shown(tmp_path, capfd):
    with backend_messages.hold_back(tmp_path):
        os.write(2, NOISE + ERROR)

    assert capfd.readouterr().err == ERROR.decode()


def test_all_is_shown_if_the_import_fails(tmp_path, capfd):
    def fail():
        os.write(2, NOISE)
        raise ImportError

    with pytest.raises(ImportError), backend_messages.hold_back(tmp_path):
        fail()

    assert capfd.readouterr().err == NOISE.decode()


def test_an_expected_failure_says_itself_what_happened(tmp_path, capfd):
    def fail():
        os.write(2, NOISE + ERROR)
        raise DamagedRun("It cannot be read.", fix="Train again.")

    with pytest.raises(DamagedRun), backend_messages.hold_back(tmp_path):
        fail()

    assert capfd.readouterr().err == ERROR.decode()


def test_a_resumed_run_adds_its_messages_and_shows_only_its_own_errors(tmp_path, capfd):
    (tmp_path / "messages.log").write_bytes(ERROR)

    with backend_messages.hold_back(tmp_path):
        os.write(2, NOISE)

    assert capfd.readouterr().err == ""
    assert (tmp_path / "messages.log").read_bytes() == ERROR + NOISE


def test_without_messages_there_is_no_file(tmp_path):
    with backend_messages.hold_back(tmp_path):
        pass

    assert list(tmp_path.iterdir()) == []


def run_in_a_terminal(last):
    script = IN_A_TERMINAL.format(last=last)
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)


def test_in_a_terminal_warnings_of_python_are_shown():
    shown = run_in_a_terminal("pass").stderr

    assert "UserWarning: from Python" in shown
    assert shown.endswith("after\n")
    assert "C++" not in shown


def test_in_a_terminal_a_logger_that_began_meanwhile_goes_on_to_write():
    shown = run_in_a_terminal("""
    import logging
    logging.basicConfig(force=True)
logging.warning("later")
""").stderr

    assert "WARNING:root:later" in shown
    assert "Logging error" not in shown


def test_a_process_that_the_backend_ends_leaves_its_messages_in_the_folder(tmp_path):
    script = IN_A_TERMINAL.replace("hold_back()", f"hold_back(Path({str(tmp_path)!r}))")
    script = "from pathlib import Path\n" + script.format(last="os.abort()")

    done = subprocess.run([sys.executable, "-c", script], capture_output=True)

    assert done.returncode
    assert "from C++" in (tmp_path / "messages.log").read_text()


def test_a_closed_descriptor_is_left_alone():
    code = (
        "import os; from dl_magics.training import backend_messages; os.close(2)\n"
        "with backend_messages.hold_back(): print('done')"
    )

    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)

    assert done.stdout == "done\n"
