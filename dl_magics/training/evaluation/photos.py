"""The images of a part of a run: those that it trained on, was validated on, or never saw."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dl_magics.data import classes, folders, layout, walk
from dl_magics.data.image_files import ImageFile, ImageFiles, pack_files
from dl_magics.errors import BadData
from dl_magics.runs.state import RunState


@dataclass(frozen=True, slots=True)
class SplitPhotos:
    """Image files below `root`, labelled by an index into the classes of the run.

    `note` says what is different from the images of the run, "" for nothing.
    """

    root: Path
    files: ImageFiles
    note: str = ""


def find_photos(run: str, state: RunState, split: str, data: str = "") -> SplitPhotos:
    """Return the images of a part, found as the run found them; `data` is another place of them.

    Raises
    ------
    BadData
        where the images are no longer there, there is no such part, or it has no labels.
    """
    recipe = state.recipe
    root = data or str(recipe.get("data", ""))
    try:
        top = walk.existing_path(root)
    except BadData as error:
        raise BadData(
            f"The images of the run {run} are not in {root} any more.",
            fix=f"Name the folder where they are now: --data FOLDER · {error.fix}",
        ) from error
    if split == "test":
        return _find_test(run, state, top)
    found = folders.find_images(
        top,
        valid=float(recipe.get("valid", 0.2)),
        sample=recipe.get("sample"),
        seed=int(recipe.get("seed", 42)),
    )
    if found.classes != state.classes:
        raise BadData(
            f"'{top}' has the classes {walk.shorten_list(list(found.classes))}; the run {run} has "
            f"{walk.shorten_list(list(state.classes))}.",
            fix="Name a folder with the classes of the run: --data FOLDER",
        )
    files = found.train if split == "train" else found.valid
    return SplitPhotos(found.root, files, _describe_change(found, state))


def _describe_change(found: folders.ImageFolder, state: RunState) -> str:
    """Return a sentence where images were added or removed since the run."""
    now, before = found.counts(), state.counts
    if all(now[part] == dict(before.get(part, {})) for part in now):
        return ""
    sizes = [sum(sum(each.values()) for each in counts.values()) for counts in (before, now)]
    return (
        f"The folder has changed since the run, from {sizes[0]:,} to {sizes[1]:,} images: some of "
        "those shown as valid may have been used for training."
    )


def _find_test(run: str, state: RunState, top: Path) -> SplitPhotos:
    folder = None
    with walk.convert_os_errors(top):
        if layout.find_train_and_valid(top)[0] != top:
            folder = layout.find_test(top)
        if folder is None:
            raise BadData(
                f"'{top}' has no test images: there is no folder 'test' beside 'train'.",
                fix=f"%split_data '{top}' --test 0.1 splits some off before a run · "
                "the validation images: --split valid",
            )
        if not walk.list_folders(folder):
            raise BadData(
                f"The images in '{folder}' have no class folders: their classes are unknown.",
                fix=f"%predict '{folder}' --run {run} predicts them.",
            )
        found = classes.find_known_classes(folder, state.classes)
    files = [
        ImageFile(folder / name, label)
        for label, each in enumerate(state.classes)
        for name in found.get(each, ())
    ]
    return SplitPhotos(top, pack_files(files))
