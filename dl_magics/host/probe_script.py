"""The shell script that finds what is installed on a host, and what its output says."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from dataclasses import replace
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Any

from dl_magics.host.info import Gpu, HostInfo, Interpreter, Kind

_NAMELESS = ("venv", ".venv", "env", ".env")


def build_script(begin: str, end: str) -> str:
    """Return the script; its output is between lines that are `begin` and `end`."""
    package = files("dl_magics.host")
    script = package.joinpath("probe.sh").read_text("utf-8")
    probe = package.joinpath("interpreter_probe.py").read_text("utf-8")
    script = script.replace("@BEGIN@", begin).replace("@END@", end)
    return script.replace("@interpreter_probe.py@\n", probe)


def parse_lines(name: str, lines: list[str]) -> HostInfo:
    """Return the parsed output of probe.sh: lines of `key TAB value`."""
    values: dict[str, list[str]] = {}
    for line in lines:
        key, _, value = line.partition("\t")
        values.setdefault(key, []).append(value.strip())
    one = {key: found[0] for key, found in values.items()}
    gpus = _gpus(values.get("gpu", []), values.get("capability", []))
    return HostInfo(
        name=name,
        system=one.get("system", ""),
        arch=one.get("arch", ""),
        user=one.get("user", ""),
        home=one.get("home", ""),
        cores=_number(one.get("cores")),
        ram_bytes=1024 * _number(one.get("ram_kib")),
        disk_free_bytes=1024 * _number(one.get("disk_free_kib")),
        gpus=tuple(gpu for gpu, _ in gpus),
        pci_gpus=len(values.get("pci_gpu", [])),
        driver=gpus[0][1] if gpus else "",
        driver_error=one.get("driver_error", ""),
        cuda=one.get("cuda", ""),
        cudnn=one.get("cudnn", ""),
        sudo="sudo" in one,
        systemd="systemd" in one,
        kills_processes="kills_processes" in one,
        is_practice="practice" in one,
        uv=next((each for each in values.get("has", []) if each.endswith("uv")), ""),
        keras_backend=one.get("keras_backend", ""),
        weights=tuple(values.get("weights", [])),
        interpreters=_interpreters(values.get("python", []), values.get("conda", [])),
    )


def _gpus(lines: list[str], capabilities: list[str]) -> list[tuple[Gpu, str]]:
    """Return each GPU and its driver version; nvidia-smi prints [N/A] for an unknown field."""
    found = []
    for n, line in enumerate(lines):
        name, memory, driver = (word.strip() for word in line.rsplit(",", 2))
        text = capabilities[n] if n < len(capabilities) else ""
        capability = float(text) if text.replace(".", "", 1).isdigit() else 0.0
        found.append((Gpu(name, _number(memory), capability), driver))
    return found


def _interpreters(lines: list[str], condas: list[str]) -> tuple[Interpreter, ...]:
    found: dict[str, Interpreter] = {}
    for line in lines:
        each = _interpreter(json.loads(line), condas)
        # A shim of pyenv starts the same interpreter.
        if each.prefix not in found or each.path.startswith(f"{each.prefix}/bin/"):
            found[each.prefix] = each
    names = Counter(each.name for each in found.values())
    renamed = (
        replace(each, name=each.prefix) if names[each.name] > 1 else each for each in found.values()
    )
    return tuple(sorted(renamed, key=lambda each: (each.kind == "system", each.name)))


def _interpreter(facts: dict[str, Any], condas: list[str]) -> Interpreter:
    prefix = PurePosixPath(facts["prefix"])
    kind = _kind(facts, prefix)
    name = prefix.parent.name if prefix.name in _NAMELESS else prefix.name
    if kind == "conda" and prefix.parent.name != "envs":
        name = "base"
    return Interpreter(
        path=facts["path"],
        prefix=str(prefix),
        kind=kind,
        name="system" if prefix == PurePosixPath("/usr") else name,
        python=facts["python"],
        packages=facts["packages"],
        builds=facts["builds"],
        capabilities=tuple(facts["capabilities"]),
        can_create_venv=facts["can_create_venv"],
        activation=_activation(str(prefix), condas) if kind == "conda" else "",
    )


def _kind(facts: dict[str, Any], prefix: PurePosixPath) -> Kind:
    if facts["is_conda"]:
        return "conda"
    if facts["is_venv"]:
        return "venv"
    if prefix.parent.name == "versions":
        return "pyenv"
    return "uv" if prefix.parts[-3:-1] == ("uv", "python") else "system"


def _activation(prefix: str, condas: list[str]) -> str:
    """Return the shell command that activates a conda environment, also without its conda."""
    parents = [root for root in condas if prefix == root or prefix.startswith(f"{root}/")]
    quoted = shlex.quote(prefix)
    if root := next(iter([*parents, *condas]), None):
        return f". {shlex.quote(root)}/etc/profile.d/conda.sh && conda activate {quoted}"
    return (
        f"export CONDA_PREFIX={quoted} PATH={quoted}/bin:$PATH; "
        f'for f in {quoted}/etc/conda/activate.d/*.sh; do [ -f "$f" ] && . "$f"; done'
    )


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0
