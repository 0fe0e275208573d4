"""A model of one's own for a run: of the notebook, of the GPU kernel, or a file."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from dl_magics.actions.gpu import notebook_kernel, remote_call
from dl_magics.actions.gpu.notebook_kernel import NotebookKernel
from dl_magics.errors import BadSetting, DamagedRun, NotLoadable
from dl_magics.ssh import blocking, sftp
from dl_magics.store import atomic, paths
from dl_magics.training import kernel_entry, model_archive
from dl_magics.training.backbones import kept_model, own
from dl_magics.training.loading.load_check import LoadCheck
from dl_magics.training.recipe.own_model import is_own_model
from dl_magics.training.recipe.recipe import Recipe

_FOLDER = "models"
_ON_HOST = f".dl_magics/{_FOLDER}"

# The files that were loaded once, by name, size and time.
_checked: set[tuple[str, int, int]] = set()


def find_model(name: str, value: Any) -> str | None:
    """Return the file of a model that a cell names: `model = my_model`; None where it is none.

    `value` is that of the name in the notebook, None where it has none: then it is looked for in
    the GPU kernel, and copied to this computer.
    """
    if kept_model.is_keras_model(value):
        return str(kept_model.keep_model(value, name, paths.data_folder(_FOLDER)))
    if value is None and notebook_kernel.is_connected():
        return str(_fetch_from_kernel(notebook_kernel.current(), name))
    return None


def check_file(recipe: Recipe) -> None:
    """Load the file that a recipe names once, in a process of its own.

    A file with classes of this notebook can be loaded only here, and one that was saved here needs
    no check.

    Raises
    ------
    NotLoadable
        where it could run code of its author, or Keras cannot load it.
    """
    path = Path(recipe.model)
    if not is_own_model(recipe.model) or path.parent == paths.data_folder(_FOLDER):
        return
    _check(path)


def provide_on_host(kernel: NotebookKernel, recipe: Recipe) -> Recipe:
    """Put the file that a recipe names on the host, unless it is there; return its recipe there.

    A copy is kept here, for a run that is resumed on another host.
    """
    if not is_own_model(recipe.model):
        return recipe
    kept = _keep_file(Path(recipe.model))
    target = kernel.host.resolve_target()
    return replace(recipe, model=blocking.wait_for(sftp.upload_once(target, kept, _ON_HOST)))


def _keep_file(file: Path) -> Path:
    folder = paths.data_folder(_FOLDER)
    kept = folder / PurePosixPath(file).name
    if kept_model.has_kept_name(file) and kept.is_file():
        return kept
    if not file.is_file():
        raise BadSetting(
            f"model = {str(file)!r}: there is no such file on this computer.",
            fix="Put the file back, and run the cell again.",
        )
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    kept = folder / kept_model.name_kept(digest, file.stem)
    if not kept.is_file():
        with atomic.replacing(kept) as unfinished:
            shutil.copyfile(file, unfinished)
    return kept


def _fetch_from_kernel(kernel: NotebookKernel, name: str) -> Path:
    """Save a model of the GPU kernel there, copy the file here, and check it."""
    printed = remote_call.read_output(kernel, kernel_entry.save_model, name=name)
    path = PurePosixPath(printed.strip())
    if not kept_model.has_kept_name(Path(path.name)):
        raise NotLoadable(
            f"The GPU kernel named {str(path)!r:.80} as the file of {name}.",
            fix=f"Save it yourself and copy it here: {name}.save(...), then %sync down",
        )
    kept = paths.data_folder(_FOLDER) / path.name
    if not kept.is_file():
        blocking.wait_for(
            sftp.download_file(kernel.host.resolve_target(), f"{_ON_HOST}/{path.name}", kept)
        )
        try:
            _check(kept)
        except (NotLoadable, DamagedRun):
            kept.unlink()
            raise
    return kept


def _check(path: Path) -> None:
    found = path.stat()
    key = (str(path), found.st_size, found.st_mtime_ns)
    if key in _checked:
        return
    try:
        model_archive.check_own_model(path)
    except NotLoadable:
        # With the classes that the notebook registered it may be all right, but only here.
        model_archive.check_own_model(path, own.list_registered())
    else:
        with LoadCheck() as check:
            check.load_own(path)
    _checked.add(key)
