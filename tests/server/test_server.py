"""The extension as a Jupyter server loads it."""

from __future__ import annotations

import subprocess
import sys
import threading

from support.jupyter import rest_server


def test_a_kernel_that_imports_dl_magics_imports_no_server():
    assert list_imports("import dl_magics", "tornado", "jupyter_server") == "[]"


def test_a_server_imports_what_a_request_needs_at_the_first_request():
    load = "import dl_magics; dl_magics._jupyter_server_extension_points()"
    late = ("boto3", "keras", "numpy", "asyncssh", "dl_magics.actions", "dl_magics.server.contract")

    assert list_imports(load, *late) == "[]"


def list_imports(statement: str, *names: str) -> str:
    """Return which of the modules a new process has after a statement."""
    code = f"import sys; {statement}; print([name for name in {names} if name in sys.modules])"
    return subprocess.check_output([sys.executable, "-c", code], text=True).strip()


def test_a_server_that_ends_says_what_keeps_running_and_the_next_one_finds_it(
    cloud, rent, tmp_path, home
):
    id_ = rent()
    with rest_server.serve(tmp_path, home) as server:
        server.get("instances")
    assert f"(t2.micro, {id_}) keeps running: $0.0" in server.log

    with rest_server.serve(tmp_path, home) as server:
        found = server.get("instances")["instances"]

    assert id_ in [each["id"] for each in found]


def test_the_server_answers_others_while_aws_does_not(server, cloud):
    server.get("instances")
    cloud.inject_fault("time-out", seconds=3)
    waiting = threading.Thread(target=server.fetch, args=("GET", "instances?fresh=true"))
    waiting.start()

    server.get("runs")

    assert waiting.is_alive()
    waiting.join()
