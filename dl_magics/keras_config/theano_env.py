"""An interpreter of its own for Keras 1 on Theano: made here or on an instance, and chosen."""

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

# The room of our folder for it.
FOLDER = "theano"
_NAME = "interpreter.json"
_NEWEST = (3, 11)
_ASK = """
import json
import keras, theano
say(json.dumps({"keras": keras.__version__, "theano": theano.__version__}))
"""


@dataclass(frozen=True)
class TheanoEnvironment:
    """The interpreter: where it is, what it has, and whether `%%finetune` trains there.

    `python` is "" where none was made.
    """

    python: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    chosen: bool = False


def read_environment(folder: str) -> TheanoEnvironment:
    """Return the interpreter of a folder."""
    text = atomic_file.read_text(_file(folder))
    own = TheanoEnvironment(**json.loads(text)) if text else TheanoEnvironment()
    return own if Path(own.python).is_file() else TheanoEnvironment()


def select_environment(folder: str, chosen: bool) -> TheanoEnvironment:
    """Let `%%finetune` train there, or not any more.

    Raises
    ------
    NotInstalled
        where it does not start any more.
    """
    with atomic_file.lock_for_change(_file(folder)):
        before = read_environment(folder)
        own = replace(before, chosen=chosen)
        if chosen and not before.chosen:
            _check(own, _expanded(folder))
        if own != before:
            atomic_file.replace_text(_file(folder), json.dumps(asdict(own), indent=1))
    return own


def set_up_environment(
    folder: str, base: str, requirements: str, files: Mapping[str, str]
) -> TheanoEnvironment:
    """Make an interpreter from a Python, or take the one that is named if it has all already.

    It is chosen too. `files` are put into it: {"site": …, "theanorc": …}.

    Raises
    ------
    NotInstalled
        where there is no Python that is old enough, no compiler, or pip cannot get something.
    """
    home = _expanded(folder)
    with atomic_file.lock_for_change(_file(folder)):
        found, _ = _has(base, home) if base else ({}, "")
        if found:
            own = TheanoEnvironment(str(Path(base).expanduser().absolute()), found, chosen=True)
        else:
            own = _made(home / "python", base or _old_python(), requirements, files)
        atomic_file.replace_text(_file(folder), json.dumps(asdict(own), indent=1))
    return own


def _check(own: TheanoEnvironment, home: Path) -> None:
    found, trouble = _has(own.python, home)
    if not found:
        raise NotInstalled(
            f"Keras 1 does not start on Theano in {own.python}: {trouble[:200]}",
            fix="%backend theano --setup makes the interpreter anew.",
        )


def _made(place: Path, base: str, requirements: str, files: Mapping[str, str]) -> TheanoEnvironment:
    if not shutil.which("g++"):
        raise NotInstalled(
            "Theano compiles what it computes with g++, which is not installed.",
            fix="sudo apt-get install g++ · then: %backend theano --setup",
        )
    shutil.rmtree(place, ignore_errors=True)
    python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = place / "requirements.txt"
    try:
        _run([base, "-m", "venv", str(place)])
        wanted.write_text(requirements, encoding="utf-8")
        _run([str(python), "-m", "pip", "install", "--quiet", "-r", str(wanted)])
        (place / "theanorc").write_text(files["theanorc"], encoding="utf-8")
        site = _run([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"])
        (Path(site) / "dl_magics_theano.py").write_text(files["site"], encoding="utf-8")
        (Path(site) / "dl_magics_theano.pth").write_text("import dl_magics_theano\n", "utf-8")
        found, trouble = _has(str(python), place.parent)
        if not found:
            raise _failed(f"{python} cannot import keras on Theano: {trouble}")
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    return TheanoEnvironment(str(python), found, chosen=True)


def _has(python: str, home: Path) -> tuple[dict[str, str], str]:
    """Return the versions of Keras 1 and Theano in an interpreter, or why both do not start.

    Keras 1 writes a keras.json where there is none: it is started in a home of ours.
    """
    # Whatever device the person's file names: one that is not there must not count against it.
    flags = ",".join(each for each in (os.environ.get("THEANO_FLAGS"), "device=cpu") if each)
    with_theano = {"HOME": str(home), "KERAS_BACKEND": "theano", "THEANO_FLAGS": flags}
    told, trouble = subprocess_probe.run_probe(str(Path(python).expanduser()), _ASK, with_theano)
    found: dict[str, str] = json.loads(told) if told else {}
    if found and not found["keras"].startswith("1."):
        return {}, f"it has Keras {found['keras']}"
    return found, trouble


def _old_python() -> str:
    if sys.version_info[:2] <= _NEWEST:
        return sys.executable
    names = (f"python3.{minor}" for minor in range(_NEWEST[1], 6, -1))
    for found in filter(None, map(shutil.which, names)):
        return found
    raise NotInstalled(
        f"Theano needs Python 3.11 or older; here is {sys.version.split()[0]} and no other.",
        fix="Name one: %backend theano --setup /path/to/python3.11",
    )


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise _failed(f"{command[0]}: {error.strerror}") from error
    if done.returncode:
        wrote = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise _failed(wrote[-1].strip() if wrote else f"{command[:3]} failed")
    return done.stdout.strip()


def _failed(why: str) -> NotInstalled:
    return NotInstalled(
        f"The interpreter for Theano could not be made: {why[:300]}",
        fix="It needs pip, a network, and Python 3.7 to 3.11: %backend theano --setup PYTHON",
    )


def _file(folder: str) -> Path:
    return _expanded(folder) / _NAME


def _expanded(folder: str) -> Path:
    return Path(folder).expanduser()


def parse_environment(values: Mapping[str, Any]) -> TheanoEnvironment:
    """Return what another interpreter told."""
    return TheanoEnvironment(**values)
