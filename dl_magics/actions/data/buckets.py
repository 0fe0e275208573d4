"""Bring photos of S3 to where a run trains: on the host of the GPU kernel, or on this computer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from dl_magics.actions.aws import context
from dl_magics.actions.gpu.notebook_kernel import NotebookKernel
from dl_magics.data.s3 import address, fetch
from dl_magics.data.s3.access import S3Access, make_config
from dl_magics.remote_code import runner
from dl_magics.ssh import blocking
from dl_magics.store import paths
from dl_magics.training.recipe.recipe import Recipe

Say = Callable[[str], None]

_MOST_DRAWS = 3


def provide_recipe(recipe: Recipe, kernel: NotebookKernel | None, say: Say) -> Recipe:
    """Return the recipe with a folder as its data: an address in S3 is read to where it trains.

    An instance reads the photos with its role: no key is sent to it. Here they are read with the
    selected profile. Of a bucket that is larger than the sample of the recipe, only what the run
    needs is read. A folder stays as it is. `say` gets what is read, line by line. Raises BadData,
    NotAllowed, NoCredentials or another DLMagicsError where the bucket cannot be read.
    """
    data = recipe.data
    if not address.is_address(data):
        return recipe
    where = kernel.host.name if kernel else "this computer"
    settings = {"valid": recipe.valid, "sample": recipe.sample, "seed": recipe.seed}
    # Where a photo is gone before it is read, another sample is drawn.
    for _ in range(_MOST_DRAWS):
        listed = _call(kernel, fetch.list_photos, data, settings=settings)
        say(_describe(data, listed, where))
        for key, why in listed["left_out"].items():
            say(f"left out: {key} ({why})")
        needed, left, gone = listed["needed"], listed["missing"], 0
        while left:
            read = _call(kernel, fetch.read_photos, data, settings=settings)
            left, gone = read["missing"], gone + read["gone"]
            say(f"{data}: {needed - gone - left:,} of {needed:,} photos are on {where}")
        if not (gone and recipe.sample):
            break
    return replace(recipe, data=str(listed["path"]))


def _describe(data: str, listed: Mapping[str, Any], where: str) -> str:
    photos, needed, left = listed["photos"], listed["needed"], listed["missing"]
    used = "" if needed == photos else f"{needed:,} are used, "
    known = f"all are on {where}" if not left else f"{left:,} missing on {where}"
    return f"{data}: {photos:,} photos, {listed['bytes'] / 1e9:,.2f} GB; {used}{known}"


def _call(
    kernel: NotebookKernel | None, function: Callable[..., dict[str, Any]], data: str, **more: Any
) -> Mapping[str, Any]:
    if not kernel:
        home = str(paths.data_folder("s3"))
        return function(data, home=home, access=_open_access(), **more)
    host = kernel.host
    return blocking.wait_for(
        runner.run(
            host.resolve_target(),
            kernel.python,
            function,
            {"data": data, "instance": host.alias if host.is_instance else "", **more},
            activate=kernel.activate,
        )
    )


def _open_access() -> S3Access:
    session = context.load(remembers=False).session
    client = session.open_client("s3", make_config())
    return S3Access(client, f"Profile '{session.profile.name}'", session.convert_errors)
