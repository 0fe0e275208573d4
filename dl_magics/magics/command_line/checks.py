"""Check a run on a host before it is connected, or an instance is rented for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dl_magics.errors import BadSetting
from dl_magics.magics import training_cell

if TYPE_CHECKING:
    from dl_magics.training.recipe.recipe import Recipe


def check_run(line: str, body: str, *, host: str, type_: str | None) -> Recipe:
    """Return the recipe of a run; `type_` is that of the instance to rent for it, if any.

    Raises
    ------
    BadSetting
        where the line or the recipe is not valid, or does not go with a host.
    BadData
        where the folder is missing, or has no photos of classes.
    NotConfirmed
        where an instance would be terminated without -f.
    NotInstalled
        where the package of a tracker is missing.
    """
    from dl_magics.actions.runs.ending import plan
    from dl_magics.actions.runs.trackers import options

    line, _ = options.split_line(line)
    if training_cell.is_resume(line):
        training_cell.parse_resume(line, body)
    recipe, flags = training_cell.parse_recipe(line, body, {})
    is_estimate = training_cell.CHECK in flags
    if type_:
        _check_rented(host, type_, is_estimate=is_estimate)
    if recipe.workers:
        raise BadSetting(
            f"workers = {', '.join(recipe.workers)}: this computer keeps the features that they "
            f"compute, and the run would train on {host}.",
            fix="Leave out --on and --launch · or workers.",
        )
    if not is_estimate:
        plan.check_force(recipe.then, [host], force=training_cell.FORCE in flags)
    _check_photos(recipe)
    return recipe


def _check_rented(name: str, type_: str, *, is_estimate: bool) -> None:
    from dl_magics.actions.gpu import host
    from dl_magics.core.instance import is_instance_id

    if is_estimate:
        raise BadSetting(
            f"--check trains nothing, and --launch {type_} rents an instance.",
            fix="Leave one out: --check alone also names types of instances with their price · "
            "--on NAME --check estimates on an instance that runs.",
        )
    if is_instance_id(name) or host.is_ssh_host(name):
        raise BadSetting(
            f"--launch {type_}: {name!r} is not the name of an instance, which --on gives it.",
            fix=f"Leave out --launch {type_} · or name the instance: --on my-gpu",
        )


def _check_photos(recipe: Recipe) -> None:
    from dl_magics.data import folders
    from dl_magics.data.s3 import address

    if address.is_address(recipe.data):
        address.parse_address(recipe.data)
    else:
        folders.find_images(recipe.data, valid=recipe.valid, sample=recipe.sample, seed=recipe.seed)
