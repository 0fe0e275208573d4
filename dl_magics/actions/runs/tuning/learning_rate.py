"""Find a learning rate by a range test, where the features of a run are."""

from __future__ import annotations

import json

from dl_magics.actions.gpu import notebook_kernel, remote_call
from dl_magics.actions.runs import runs
from dl_magics.core.typed_name import quote_name
from dl_magics.errors import DamagedRun, NotConnected, NotTrained
from dl_magics.runs import remote_origin
from dl_magics.store import paths
from dl_magics.training import backend_messages
from dl_magics.training.kernel_entry import find_learning_rate as find_in_kernel
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.training.run import Run
from dl_magics.training.tuning import range_test
from dl_magics.training.tuning.rate_curve import RateCurve


def find_learning_rate(name: str = "") -> RateCurve:
    """Return the curve of a run by a part of its name, the newest without one.

    Raises
    ------
    NotTrained
        where it trained on Theano, or its features are missing.
    NotConnected
        where its features are on a host that is not connected.
    """
    run = runs.find_run(name)
    if run.is_on_theano:
        raise NotTrained(
            f"The run {run.name} is on Theano, for which learning rates are not tried.",
            fix="%%finetune with %backend tensorflow trains the same head with Keras 3.",
        )
    if remote_origin.load(run.path):
        return _find_on_host(run)
    recipe = Recipe.from_json(run.state.recipe)
    with backend_messages.hold_back():
        return range_test.find_learning_rate(recipe, run.name, paths.data_folder("features"))


def _find_on_host(run: Run) -> RateCurve:
    origin = remote_origin.load(run.path)
    kernel = notebook_kernel.current() if notebook_kernel.is_connected() else None
    if origin is None or kernel is None or kernel.host.alias != origin.host["alias"]:
        host, typed = "its host", "NAME"
        if origin:
            host = origin.host["name"]
            typed = quote_name(host, origin.host["alias"])
        raise NotConnected(
            f"The features of the run {run.name} are on {host}, which is not connected.",
            fix=f"%gpu_connect {typed}, then repeat.",
        )
    printed = remote_call.read_output(kernel, find_in_kernel, run=run.name)
    try:
        return RateCurve.from_json(json.loads(printed.strip().splitlines()[-1]))
    except (ValueError, TypeError, IndexError) as error:
        raise DamagedRun(
            f"The GPU kernel answered {printed[:80]!r} instead of a curve.",
            fix="%gpu_restart, then repeat.",
        ) from error
