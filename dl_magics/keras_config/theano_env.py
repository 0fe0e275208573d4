"""The environment for Keras 1 on Theano: create it, and select it for `%%finetune`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from dl_magics.errors import NotInstalled
from dl_magics.keras_config import atomic_file, subprocess_probe
from dl_magics.store import atomic, private

# The subfolder of the data folder of dl_magics.
FOLDER = "theano"
_NAME = "interpreter.json"
_NEWEST = (3, 11)
_VERSIONS = """
import json
import keras, theano
say(json.dumps({"keras": keras.__version__, "theano": theano.__version__}))
"""


@dataclass(frozen=True)
class TheanoEnvironment:
    """The environment in which Keras 1 runs on Theano.

    `python` is the path of its interpreter, "" if the environment is not set up. `versions` has
    "keras" and "theano". `selected` is true if `%%finetune` trains in it.
    """

    python: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    selected: bool = False


def read_environment(folder: str) -> TheanoEnvironment:
    """Return the environment recorded in the folder; an empty one if its interpreter is gone."""
    text = atomic_file.read_text(_file(folder))
    environment = TheanoEnvironment(**json.loads(text)) if text else TheanoEnvironment()
    return environment if Path(environment.python).is_file() else TheanoEnvironment()


def select_environment(folder: str, selected: bool) -> TheanoEnvironment:
    """Select the environment for `%%finetune`, or deselect it.

    Raises
    ------
    NotInstalled
        if Keras no longer starts in it.
    """
    private.ensure_folder(_expanded(folder))
    with atomic_file.lock_for_change(_file(folder)):
        before = read_environment(folder)
        environment = replace(before, selected=selected)
        if selected and not before.selected:
            _check(environment, _expanded(folder))
        if environment != before:
            atomic.replace(_file(folder), json.dumps(asdict(environment), indent=1))
    return environment


def set_up_environment(
    folder: str, base: str, requirements: str, files: Mapping[str, str]
) -> TheanoEnvironment:
    """Create the environment and select it.

    `base` is an interpreter. If Keras 1 starts on Theano in it, it is used unchanged; otherwise a
    virtual environment is created from it. "" stands for any Python that Theano supports.
    `files` are written into the new environment: {"site": text, "theanorc": text}.

    Raises
    ------
    NotInstalled
        if there is no Python of at most 3.11, no compiler, or pip fails.
    """
    home = private.ensure_folder(_expanded(folder))
    with atomic_file.lock_for_change(_file(folder)):
        found, _ = _find_versions(base, home) if base else ({}, "")
        if found:
            environment = TheanoEnvironment(
                str(Path(base).expanduser().absolute()), found, selected=True
            )
        else:
            environment = _create(home / "python", base or _find_python(), requirements, files)
        atomic.replace(_file(folder), json.dumps(asdict(environment), indent=1))
    return environment


def _check(environment: TheanoEnvironment, home: Path) -> None:
    found, error = _find_versions(environment.python, home)
    if not found:
        raise NotInstalled(
            f"Keras 1 does not start on Theano in {environment.python}: {error[:200]}",
            fix="Create the environment again: %backend theano --setup",
        )


def _create(
    target: Path, base: str, requirements: str, files: Mapping[str, str]
) -> TheanoEnvironment:
    if not shutil.which("g++"):
        raise NotInstalled(
            "Theano needs the compiler g++, which is not installed.",
            fix="Install it: sudo apt-get install g++ · then: %backend theano --setup",
        )
    shutil.rmtree(target, ignore_errors=True)
    python = target / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    requirements_file = target / "requirements.txt"
    try:
        _run([base, "-m", "venv", str(target)])
        requirements_file.write_text(requirements, encoding="utf-8")
        _run([str(python), "-m", "pip", "install", "--quiet", "-r", str(requirements_file)])
        (target / "theanorc").write_text(files["theanorc"], encoding="utf-8")
        site = _run([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"])
        (Path(site) / "dl_magics_theano.py").write_text(files["site"], encoding="utf-8")
        (Path(site) / "dl_magics_theano.pth").write_text("import dl_magics_theano\n", "utf-8")
        found, error = _find_versions(str(python), target.parent)
        if not found:
            raise _failed(f"{python} cannot import keras on Theano: {error}")
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    return TheanoEnvironment(str(python), found, selected=True)


def _find_versions(python: str, home: Path) -> tuple[dict[str, str], str]:
    """Return the versions of Keras 1 and Theano in an interpreter, or {} and the error.

    Keras 1 creates a missing keras.json, so `home` replaces the home folder of the user.
    """
    # A missing GPU in the user's .theanorc must not make this check fail.
    flags = ",".join(each for each in (os.environ.get("THEANO_FLAGS"), "device=cpu") if each)
    variables = {"HOME": str(home), "KERAS_BACKEND": "theano", "THEANO_FLAGS": flags}
    output, error = subprocess_probe.run_probe(str(Path(python).expanduser()), _VERSIONS, variables)
    found: dict[str, str] = json.loads(output) if output else {}
    if found and not found["keras"].startswith("1."):
        return {}, f"Keras {found['keras']} is installed, Keras 1 is required"
    return found, error


def _find_python() -> str:
    if sys.version_info[:2] <= _NEWEST:
        return sys.executable
    names = (f"python3.{minor}" for minor in range(_NEWEST[1], 6, -1))
    for found in filter(None, map(shutil.which, names)):
        return found
    raise NotInstalled(
        f"Theano needs Python 3.11 or older; only Python {sys.version.split()[0]} was found.",
        fix="Give the path of one: %backend theano --setup /path/to/python3.11",
    )


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise _failed(f"{command[0]}: {error.strerror}") from error
    if done.returncode:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise _failed(lines[-1].strip() if lines else f"{command[:3]} failed")
    return done.stdout.strip()


def _failed(why: str) -> NotInstalled:
    return NotInstalled(
        f"The environment for Theano could not be created: {why[:300]}",
        fix="pip needs a network and Python 3.7 to 3.11: %backend theano --setup PYTHON",
    )


def _file(folder: str) -> Path:
    return _expanded(folder) / _NAME


def _expanded(folder: str) -> Path:
    return Path(folder).expanduser()


def parse_environment(values: Mapping[str, Any]) -> TheanoEnvironment:
    """Return the environment that `asdict` turned into plain values."""
    return TheanoEnvironment(**values)
