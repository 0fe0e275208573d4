"""The cell that does what a click does, so that a notebook can record it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from dl_magics.actions.aws.panel.place import Place
from dl_magics.core.instance import Instance

_BACKEND_OPTIONS = ("image_data_format", "floatx", "epsilon")
# IPython evaluates {…} and $… of a line, and a line break would begin code: others may set names.
_PLAIN_NAME = re.compile(r"\w[\w .-]*", re.ASCII)
_PLAIN_PROFILE = re.compile(r"\w[\w .@/+:-]*", re.ASCII)


def instance_cells(instance: Instance) -> dict[str, str]:
    """Return the cells for an instance, by its id: a name is another one's in another region."""
    name = instance.name
    note = f"  # {name}" if _PLAIN_NAME.fullmatch(name) else ""
    magics = {
        "select": "%aws_get {}",
        "start": "%aws_start {}",
        "stop": "%aws_stop {}",
        "terminate": "%aws_terminate {} -f",
        "connect": "%gpu_connect {}",
        "keep": "%aws_keep 1h {}",
    }
    cells = {verb: magic.format(instance.id) + note for verb, magic in magics.items()}
    # What follows the instance is a command there.
    return {**cells, "ssh": f"%aws_ssh -n {instance.id}"}


def place_cell(shown: Place) -> str:
    """Return the lines that lead a notebook to the place of the panel; "" if it begins there.

    Those for a profile whose name cannot be in a line are "" too: an id is then not found.
    """
    if not shown.own or not (shown.practice or _PLAIN_PROFILE.fullmatch(shown.profile)):
        return ""
    profile = "%practice on" if shown.practice else f"%aws_profile {shlex.quote(shown.profile)}"
    return "\n".join([profile, *([f"%aws_region {shown.region}"] if shown.region else [])])


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
    return {
        "attach": f"%attach {name}",
        "stop": f"%attach {name} --stop",
        "resume": f"%finetune --resume {name}",
    }


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
