from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from support import startup

ROOT = Path(__file__).parents[3]
BACKEND = next((name for name in ("torch", "jax") if find_spec(name)), None)

pytestmark = pytest.mark.skipif(BACKEND is None, reason="neither JAX nor PyTorch is installed")


def run_checks(folder, backend, parts):
    """Try `make gpu` with small sizes; return its exit status, its output and its figures."""
    file = folder / "figures.json"
    command = ("--small", "--backends", backend, "--parts", parts, "--json", file)
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "gpu" / "run.py", *map(str, command)],
        env={
            **os.environ,
            "PYTHONPATH": startup.join_paths(ROOT),
            "CUDA_VISIBLE_DEVICES": "",
            "PATH": "/bin",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert file.exists(), done.stderr
    return done.returncode, done.stdout, json.loads(file.read_text())


def test_without_a_gpu_each_check_of_a_network_is_measured_or_says_that_there_is_none(tmp_path):
    code, output, report = run_checks(tmp_path, BACKEND, "network,memory")

    status = {row["check"]: row["status"] for row in report["rows"]}
    figures = {row["check"]: row["figures"] for row in report["rows"]}
    assert code == 0, output
    assert status == {
        "device seen": "no GPU",
        "precision chosen": "no GPU",
        "features in half precision and in float32": "ok",
        "batch size found": "ok",
        "reading images alone": "ok",
        "feature phase and bare network": "ok",
        "guard: readings while the GPU computes": "no GPU",
        "batch size halved after out-of-memory": "no GPU",
        "a run with the memory full": "no GPU",
    }
    assert figures["feature phase and bare network"]["images_per_second"] > 0
    assert report["machine"]["versions"]["keras"]
    assert all(check in output for check in status)


def test_a_part_that_fails_is_a_row_and_the_exit_status(tmp_path):
    code, output, report = run_checks(tmp_path, "no_such_backend", "trial")

    (row,) = report["rows"]
    assert code == 1
    assert row["status"] == "failed"
    assert "no_such_backend" in json.dumps(row)
    assert "failed" in output
