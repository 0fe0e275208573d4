"""A thousand requests, allowed and not allowed by the contract, against a real server.

Schemathesis generates them and checks each response. It has an environment of its own, as its
plugin would be loaded into each run of pytest.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from dl_magics.runs.events import RunEnded
from dl_magics.runs.report.page import write_report
from dl_magics.runs.state import replay_events
from dl_magics.server import contract
from dl_magics.store import paths, private
from support import run_events
from support.jupyter import users

EXAMPLES = f"-n{os.environ.get('EXAMPLES', 15)}"
PROGRAM = Path(__file__).parents[2] / "build" / "schemathesis" / "bin" / "st"
# They end the practice cloud, make AWS fail, or import each backend: only requests that are not
# allowed are sent.
SWITCHES = ("switchPractice", "injectFault", "writeKerasSettings")


def run_schemathesis(server, tmp_path, *options: str, config: str = "") -> int:
    """Return the number of requests, of which each response passed all checks."""
    assert PROGRAM.exists(), f"{PROGRAM} does not exist: run make test"
    (tmp_path / "schemathesis.toml").write_text(config)
    done = subprocess.run(
        [
            PROGRAM,
            f"--config-file={tmp_path / 'schemathesis.toml'}",
            "run",
            contract.FILE,
            f"--url={server.url}dl-magics",
            f"--header=Authorization: token {users.ADA}",
            "--checks=all",
            # It must be 401 for Schemathesis; Jupyter server answers 403.
            "--exclude-checks=missing_required_header",
            # A loaded computer is no fault.
            "--max-response-time=60",
            "--request-timeout=60",
            "--no-color",
            "--seed=1",
            *options,
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + server.log[-2000:]
    (generated,) = re.findall(r"([\d,]+) generated", done.stdout)
    return int(generated.replace(",", ""))


@pytest.fixture
def run_folder(server) -> Path:
    folder = private.create_folder(paths.data_folder("runs") / "a_run")
    ended = RunEnded(status="done")
    events = run_events.make_events(run_events.epoch(1), ended=ended)
    run_events.write_log(folder, events)
    write_report(folder, replay_events(events))
    return folder


def test_a_thousand_requests_are_answered_as_the_contract_says(
    server, cloud, rent, run_folder, tmp_path
):
    any_id = run_schemathesis(
        server, tmp_path, EXAMPLES, *(f"--exclude-operation-id={each}" for each in SWITCHES)
    )
    existing = f'[parameters]\n"path.id" = "{rent(state="stopped")}"\n"path.name" = "a_run"\n'
    known_id = run_schemathesis(
        server,
        tmp_path,
        EXAMPLES,
        "--include-path-regex=[{]",
        "--phases=coverage,fuzzing",
        config=existing,
    )
    switches = run_schemathesis(
        server,
        tmp_path,
        "-n10",
        "--mode=negative",
        "--phases=coverage,fuzzing",
        *(f"--include-operation-id={each}" for each in SWITCHES),
    )

    assert any_id + known_id + switches >= 1000
