"""Calls on a practice host and locally: `runner`, `request` and `entry` together."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import dl_magics
from dl_magics import errors
from dl_magics.keras_config import rpc
from dl_magics.remote_code import bundle, request, runner
from dl_magics.ssh import blocking
from dl_magics.training.checks import data_requests
from support import tiny_keras

TRAVELS = ("core", "data", "keras_config", "runs", "training")


def run(host, function, **arguments):
    return blocking.wait_for(runner.run(host.login, sys.executable, function, arguments))


def test_a_function_runs_on_a_host_and_its_result_comes_back(host):
    assert run(host, rpc.show_settings)["path"].endswith("keras.json")


def test_the_bundle_is_uploaded_once(host):
    run(host, rpc.show_settings)
    (file,) = (host.home / runner.FOLDER).glob("*.zip")
    before = file.stat().st_mtime_ns

    run(host, rpc.show_settings)

    assert file.stat().st_mtime_ns == before
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_a_shell_that_prints_greetings_does_no_harm(host):
    (host.home / ".bashrc").write_text("echo welcome; echo '{}'\n")

    assert "installed" in run(host, rpc.show_settings)


def test_an_error_comes_back_as_its_own_class(host):
    with pytest.raises(errors.BadSetting, match="device"):
        run(host, rpc.write_theano_device, device="tpu")


def test_a_process_without_a_response_costs_two_lines(host):
    with pytest.raises(errors.CommandFailed, match="TypeError") as failed:
        run(host, rpc.show_settings, unknown=1)

    assert "3.8" in failed.value.fix


def test_a_process_that_hangs_is_given_up(host):
    hanging = host.home / "python"
    hanging.write_text("#!/bin/sh\nsleep 30\n")
    hanging.chmod(0o755)
    work = runner.run(host.login, str(hanging), rpc.show_settings, {}, timeout=1)

    with pytest.raises(errors.CommandFailed, match="within 1 seconds"):
        blocking.wait_for(work)


def test_a_command_may_run_first_and_variables_be_set(host):
    work = runner.run(
        host.login,
        sys.executable,
        rpc.show_settings,
        {},
        activate="export KERAS_HOME=/activated",
        variables={"KERAS_BACKEND": "jax"},
    )

    shown = blocking.wait_for(work)

    assert shown["path"] == "/activated/keras.json"
    assert shown["in_force"]["values"][0]["value"] == "jax"


def test_a_function_says_how_far_it_is(host):
    data = tiny_keras.photos(host.home / "data", n=2)
    said = []
    work = runner.run(
        host.login,
        sys.executable,
        data_requests.check_folder,
        {"path": str(data), "features": ""},
        progress=lambda *numbers: said.append(numbers),
    )

    assert blocking.wait_for(work)["images"] == 4
    assert said[0] == (1, 4)


def test_a_process_ends_when_nobody_reads_any_more_how_far_it_is(tmp_path):
    data = tiny_keras.photos(tmp_path / "data", n=2)
    program = runner.build_program(str(bundle.write_bundle(tmp_path)), "mark")
    asked = request.build_request(
        data_requests.check_folder, {"path": str(data), "features": ""}, reports=True
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    process.stdout.close()

    process.communicate(asked.encode())

    assert process.returncode == 1


@pytest.mark.parametrize(
    "line",
    ["", "mark", "mark/progress 1", "mark/progress 1 2 3", f"mark/progress 1 {'9' * 5000}", "1 2"],
)
def test_any_other_output_is_no_progress(line):
    assert request.read_progress("mark/progress 3 10", "mark") == (3, 10)
    assert request.read_progress(line, "mark") is None


def test_the_same_call_runs_locally():
    work = runner.run_locally(sys.executable, rpc.show_settings, {}, variables={"KERAS_HOME": "/k"})

    assert blocking.wait_for(work)["path"] == "/k/keras.json"


def test_a_local_interpreter_that_does_not_exist_costs_two_lines():
    with pytest.raises(errors.CommandFailed, match="No such file"):
        blocking.wait_for(runner.run_locally("/nowhere/python", rpc.show_settings, {}))


def test_an_error_that_is_not_in_the_table_is_a_failed_command():
    restored = request.restore_error("DLMagicsError", "what", "fix")

    assert type(restored) is errors.CommandFailed
    assert request.restore_error("__doc__", "what", "fix").fix == "fix"


def test_every_error_that_bundled_code_raises_can_be_restored():
    package = Path(dl_magics.__file__).parent
    raised = set()
    for file in (file for name in TRAVELS for file in (package / name).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                raised.add(node.func.id)
    ours = {name for name in raised if isinstance(getattr(errors, name, None), type)}

    assert ours <= errors.BY_NAME.keys()
