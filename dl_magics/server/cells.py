"""The cell that does what a click does, so that a notebook can record it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from dl_magics.core.instance import Instance

_BACKEND_OPTIONS = ("image_data_format", "floatx", "epsilon")
# IPython evaluates {…} and $… of a line, and a line break would begin code: others may set names.
_PLAIN_NAME = re.compile(r"[\w .-]+", re.ASCII)


def instance_cells(instance: Instance, *, is_unique: bool) -> dict[str, str]:
    """Return the cells for an instance, by name where no other instance has it."""
    is_plain = _PLAIN_NAME.fullmatch(instance.name) and not instance.name.startswith("-")
    name = shlex.quote(instance.name) if is_plain and is_unique else instance.id
    return {
        "select": f"%aws_get {name}",
        "start": f"%aws_start {name}",
        "stop": f"%aws_stop {name}",
        "terminate": f"%aws_terminate {instance.id} -f",
        "connect": f"%gpu_connect {name}",
        "keep": f"%aws_keep 1h {name}",
        "ssh": f"%aws_ssh -n {name}",
    }


def resize_cell(id_: str, type_: str) -> str:
    """Return the cell that changes the type of an instance."""
    return f"%aws_resize {type_} {id_}"


def launch_cell(asked: Mapping[str, Any]) -> str:
    """Return the cell of a launch with the keys of the contract's `Launch`."""
    options = {"name": "--name", "image": "--image", "disk_gib": "--disk", "zone": "--zone"}
    words = [
        f"{option} {shlex.quote(str(asked[key]))}"
        for key, option in options.items()
        if key in asked
    ]
    if (spot := asked.get("spot")) is not None:
        words += [
            "--spot",
            *(["--max-price", f"{spot['max_price']}"] if "max_price" in spot else []),
        ]
    return " ".join(["%aws_launch", asked["type"], *words])


def run_cells(name: str) -> dict[str, str]:
    """Return the cells for a run."""
    return {"attach": f"%attach {name}", "resume": f"%finetune --resume {name}"}


def keras_cell(asked: Mapping[str, Any]) -> str:
    """Return the cell that changes these settings of Keras, or shows them."""
    settings = {key: value for key, value in asked.items() if key != "device"}
    lines = []
    if settings or not asked:
        words = ["%backend", *([settings["backend"]] if "backend" in settings else [])]
        words += [
            f"--{key.replace('_', '-')} {settings[key]}"
            for key in _BACKEND_OPTIONS
            if key in settings
        ]
        lines.append(" ".join([*words, "--here"]))
    if "device" in asked:
        lines.append(f"%device {asked['device']} --here")
    return "\n".join(lines)


def fault_cell(name: str, times: int) -> str:
    """Return the cell that injects a fault into the practice cloud."""
    return f"%practice fault {name} --times {times}"
