"""The guard as one file in the user data of an instance."""

from __future__ import annotations

import ast
import io
import json
import subprocess
import sys
import zipfile
from dataclasses import asdict
from pathlib import Path

import pytest

from dl_magics.aws import launch
from dl_magics.guard import program
from dl_magics.guard.service.settings import Settings
from dl_magics.ssh import keys

MAX_USER_DATA_BYTES = 16_384
OLD_PYTHON = Path(__file__).parents[2] / "build" / "python-3.8" / "bin" / "python"


def sources() -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(program.pack_guard())) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_it_imports_only_the_standard_library():
    imported = {
        name.split(".")[0]
        for source in sources().values()
        for node in ast.walk(ast.parse(source, feature_version=(3, 8)))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom) and not node.level
            else []
        )
    }

    assert imported - {"service"} <= sys.stdlib_module_names


def test_the_user_data_of_a_launch_fits_into_its_limit(home):
    key = keys.ensure_key_pair("host-key")
    long = "/home/" + 32 * "u"
    settings = Settings(agents=(f"{long}/.dlm/*",), runs=(f"{long}/.dl_magics/runs/*",) * 2)

    sent = launch.user_data(key.private, key.public, program.boot_command(settings))

    assert len(sent) < MAX_USER_DATA_BYTES


def test_the_module_prints_the_commands_of_the_user_data():
    settings = Settings(idle_seconds=600.0, agents=("/home/ubuntu/.dlm/*",))
    words = [sys.executable, "-m", program.COMMAND, json.dumps(asdict(settings))]

    printed = subprocess.run(words, capture_output=True, check=True).stdout

    assert json.loads(printed) == [program.boot_command(settings)]


@pytest.mark.skipif(not OLD_PYTHON.exists(), reason="`make` found no Python 3.8")
def test_python_3_8_runs_it(tmp_path):
    file = tmp_path / "guard.pyz"
    file.write_bytes(program.pack_guard())

    done = subprocess.run(
        [str(OLD_PYTHON), "-I", str(file), "status", str(tmp_path)],
        capture_output=True,
        check=True,
    )

    status = json.loads(done.stdout)
    assert (status["guard"], status["running"], status["age"]) == ("status", False, None)
