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


def provide_data(data: str, kernel: NotebookKernel | None, say: Say) -> str:
    """Return a folder with the photos of an address in S3, where the kernel is or here.

    An instance reads them with its role: no key is sent to it. Here they are read with the selected
    profile. A folder is returned as it is. `say` gets what is read, line by line. Raises BadData,
    NotAllowed, NoCredentials or another DLMagicsError where the bucket cannot be read.
    """
    if not address.is_address(data):
        return data
    where = kernel.host.name if kernel else "this computer"
    listed = _call(kernel, fetch.list_photos, data)
    photos, left = listed["photos"], listed["missing"]
    size = f"{listed['bytes'] / 1e9:,.2f} GB"
    known = "all are on" if not left else f"{left:,} are read to"
    say(f"{data}: {photos:,} photos, {size}; {known} {where}")
    for key, why in listed["left_out"].items():
        say(f"left out: {key} ({why})")
    while left:
        left = _call(kernel, fetch.read_photos, data)["missing"]
        say(f"{data}: {photos - left:,} of {photos:,} photos are on {where}")
    return str(listed["path"])


def provide_recipe(recipe: Recipe, kernel: NotebookKernel | None, say: Say) -> Recipe:
    """Return the recipe with a folder as its data, as `provide_data` does."""
    return replace(recipe, data=provide_data(recipe.data, kernel, say))


def _call(
    kernel: NotebookKernel | None, function: Callable[..., dict[str, Any]], data: str
) -> Mapping[str, Any]:
    if not kernel:
        return function(data, str(paths.data_folder("s3")), access=_open_access())
    host = kernel.host
    return blocking.wait_for(
        runner.run(
            host.resolve_target(),
            kernel.python,
            function,
            {"data": data, "instance": host.alias if host.is_instance else ""},
            activate=kernel.activate,
        )
    )


def _open_access() -> S3Access:
    session = context.load(remembers=False).session
    client = session.open_client("s3", make_config())
    return S3Access(client, f"Profile '{session.profile.name}'", session.convert_errors)
