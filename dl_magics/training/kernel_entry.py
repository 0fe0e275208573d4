"""The functions that a laptop calls inside the GPU kernel.

The first argument of each is the namespace of the kernel's cells.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dl_magics.errors import BadSetting
from dl_magics.runs import remote_origin
from dl_magics.store import private
from dl_magics.training import backend_messages, kernel_run, phases
from dl_magics.training.backbones import hub, kept_model, load
from dl_magics.training.engine import pipeline
from dl_magics.training.recipe import pretrained
from dl_magics.training.recipe.hub_presets import HubPreset
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.training.run import Run
from dl_magics.training.theano import convolutions, select
from dl_magics.training.tuning import range_test

EVENT = "dl_magics_event"
"""The type of the IOPub messages that carry the events of a run."""

_HOME = Path("~/.dl_magics")


def run_recipe(
    user: dict[str, Any],
    *,
    recipe: dict[str, Any],
    run: str,
    host: dict[str, Any],
    resume: bool,
    origin: dict[str, Any],
) -> None:
    """Train in the folder of the run named `run`; assign the Run to `run` in the namespace.

    Each event is sent as an IOPub message of type `EVENT`. `origin` and the id of this request are
    saved in the folder, so that another computer can find the events.
    """
    # A resumed run keeps its backend, whatever is selected now.
    train = (
        pipeline.run if resume else select.select_engine(Recipe.from_json(recipe), home_folder())
    )
    folder = home_folder("runs") / run
    private.ensure_folder(folder)
    request = user["get_ipython"]().kernel.get_parent("shell")
    remote_origin.save_on_host(folder, {**origin, "msg_id": request["header"]["msg_id"]})
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


def prepare_run(_user: dict[str, Any], *, recipe: dict[str, Any]) -> None:
    """Check the data of a recipe; download the ImageNet weights to this host if it uses them.

    Raises
    ------
    BadData
        where the folder cannot be trained on; Keras is not imported then.
    WeightsNotFound
        where they could not be found or downloaded.
    BadSetting, NotInstalled
        where the backend of this host cannot train the recipe.
    """
    asked = Recipe.from_json(recipe)
    on_keras = select.select_engine(asked, home_folder()) is pipeline.run
    phases.find_images(asked)
    model = pretrained.find_pretrained(asked.model)
    if asked.weights == "imagenet" and not on_keras:
        convolutions.convolutions_file(home_folder("weights"))
    elif isinstance(model, HubPreset):
        hub.require_installed(f"model = {asked.model!r}")
    if on_keras and load.needs_download(model, asked.weights, home_folder("weights")):
        with backend_messages.hold_back():
            load.load_backbone(model, asked.image_size, asked.weights, home_folder("weights"))


def save_model(user: dict[str, Any], *, name: str) -> None:
    """Save a Keras model of the kernel on this host; print the path of its file.

    Raises BadSetting where the kernel has no such model.
    """
    if not kept_model.is_keras_model(user.get(name)):
        kind = type(user[name]).__name__ if name in user else "not defined"
        raise BadSetting(
            f"model = {name}: no value of the notebook; in the GPU kernel it is {kind}.",
            fix='Strings need quotes: model = "VGG16"',
        )
    print(kept_model.keep_model(user[name], name, home_folder("models")))


def find_learning_rate(_user: dict[str, Any], *, run: str) -> None:
    """Try growing learning rates on the features of a run of this host; print the curve as JSON.

    Raises NotTrained where its features are missing.
    """
    recipe = Run(home_folder("runs") / run).state.recipe
    curve = range_test.find_learning_rate(Recipe.from_json(recipe), run, home_folder("features"))
    print(json.dumps(curve.to_json()))


def home_folder(name: str = "") -> Path:
    """Return `~/.dl_magics` of this host, or the folder `name` in it; create it if needed.

    Only this user may enter it.
    """
    home = private.ensure_folder(_HOME.expanduser())
    return private.ensure_folder(home / name)


def _sender(user: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    kernel = user["get_ipython"]().kernel

    def send(values: dict[str, Any]) -> None:
        # The same plain values as in a line of the log: lists for tuples, for example.
        plain = json.loads(json.dumps(values))
        kernel.session.send(
            kernel.iopub_socket,
            EVENT,
            plain,
            parent=kernel.get_parent("shell"),
            ident=EVENT.encode(),
        )

    return send
