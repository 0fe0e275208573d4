"""What a laptop calls inside the GPU kernel; the namespace of its cells comes first."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dl_magics.store import atomic
from dl_magics.training import kernel_run
from dl_magics.training.engine import pipeline
from dl_magics.training.recipe import applications
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.training.theano import convolutions, select
from dl_magics.training.weights import weights

EVENT = "dl_magics_event"
KERNEL_FILE_NAME = "kernel.json"
_ROOM = Path("~/.dl_magics")


def run_recipe(
    user: dict[str, Any],
    *,
    recipe: dict[str, Any],
    run: str,
    host: dict[str, Any],
    resume: bool,
    found_by: dict[str, Any],
) -> None:
    """Fine-tune in the room of a run; each event is a message of its own, `run` the result.

    What leads to its events stays in its folder, so that another computer can find it.
    """
    # What was begun decides by itself what it goes on with.
    train = pipeline.run if resume else select.engine(Recipe.from_json(recipe), home_folder())
    folder = home_folder("runs") / run
    folder.mkdir(parents=True, exist_ok=True)
    parent = user["get_ipython"]().kernel.get_parent("shell")
    led = {**found_by, "msg_id": parent["header"]["msg_id"]}
    atomic.replace(folder / KERNEL_FILE_NAME, json.dumps(led, indent=2) + "\n")
    user["run"] = kernel_run.run_and_send(
        recipe,
        str(folder),
        features=str(home_folder("features")),
        weights=str(home_folder("weights")),
        host=host,
        resume=resume,
        train=train,
        send=_sender(user),
    )


def fetch_weights(_user: dict[str, Any], *, recipe: dict[str, Any]) -> None:
    """Have the ImageNet weights on this disk, if they are asked for.

    Raises WeightsNotFound where that cannot be, and refuses what the backend here cannot do.
    """
    asked = Recipe.from_json(recipe)
    on_keras = select.engine(asked, home_folder()) is pipeline.run
    found = applications.MODELS[asked.model]
    if asked.weights == "imagenet" and not on_keras:
        convolutions.file(home_folder("weights"))
    elif weights.must_be_fetched(found, asked.weights, home_folder("weights")):
        weights.base(found, found.smallest, asked.weights, home_folder("weights"))


def home_folder(name: str = "") -> Path:
    """Return our folder in the home there, or one in it."""
    folder = _ROOM.expanduser() / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _sender(user: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    kernel = user["get_ipython"]().kernel

    def send(values: dict[str, Any]) -> None:
        # What a log has as a line of JSON is sent as the same.
        plain = json.loads(json.dumps(values))
        kernel.session.send(
            kernel.iopub_socket,
            EVENT,
            plain,
            parent=kernel.get_parent("shell"),
            ident=EVENT.encode(),
        )

    return send
