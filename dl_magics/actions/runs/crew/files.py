"""The files that the worker on a host needs: weights, or a model of one's own."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path

from dl_magics.ssh import sftp
from dl_magics.ssh.target import SshTarget
from dl_magics.store import paths
from dl_magics.training.recipe import applications
from dl_magics.training.recipe.own_model import is_own_model
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.training.weights import weights

_MODELS, _WEIGHTS, _KERAS = ".dl_magics/models", ".dl_magics/weights", ".keras/models"


async def provide_files(target: SshTarget, recipe: Recipe, *, lacks_weights: bool) -> Recipe:
    """Put the files that a recipe names on a host, unless they are there; return its recipe there.

    A host downloads ImageNet weights itself; if it could not, those of this computer are copied.
    """
    if is_own_model(recipe.model):
        path = await _upload(target, Path(recipe.model), _MODELS)
        return replace(recipe, model=path)
    if file := weights.require_file(recipe.weights):
        return replace(recipe, weights=await _upload(target, file, _WEIGHTS))
    application = applications.APPLICATIONS.get(recipe.model)
    if lacks_weights and recipe.weights and application:
        local = await asyncio.to_thread(
            weights.find_local_file, application, paths.data_folder("weights")
        )
        if local:
            folder = _KERAS if local.name == application.file else _WEIGHTS
            await sftp.upload_once(target, local, folder)
    return recipe


async def _upload(target: SshTarget, file: Path, folder: str) -> str:
    def digest() -> str:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()

    name = f"{(await asyncio.to_thread(digest))[:12]}-{file.name}"
    return await sftp.upload_once(target, file, folder, name)
