"""What is wrong with a folder as a whole: its layout, the sizes of its classes, copies in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from dl_magics.data.quality import copies
from dl_magics.data.quality.findings import Item
from dl_magics.data.quality.measure import ImageFacts
from dl_magics.data.quality.parts import DataFile, Parts

IMBALANCE = 5
"""A class with so many times the images of another is named."""

# Of copies, the file of the first of these parts is kept: the others change what is measured.
_KEPT_FIRST = ("test", "valid", "train", "")


def find_extreme_classes(counts: Mapping[str, int]) -> tuple[str, str] | None:
    """Return the largest and the smallest class, if they are far from each other in size."""
    if not counts:
        return None
    large, small = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    return (large, small) if counts[large] >= IMBALANCE * counts[small] else None


def judge_folders(parts: Parts) -> dict[str, list[Item]]:
    """Return what is wrong with the folders and the sizes of the classes, by kind."""
    found: defaultdict[str, list[Item]] = defaultdict(list)
    if parts.problem:
        found["layout"].append(Item(*parts.problem))
    found["unused"] += [Item(path) for path in parts.unused]
    counts = parts.count_images()
    trained = counts.get("train", counts.get("", {}))
    least = 1 if "valid" in counts else 2
    for part, sizes in counts.items():
        for label, size in sizes.items():
            where = f"{part}/{label}".lstrip("/")
            if not size:
                found["layout"].append(Item(where, "The folder of this class is empty."))
            elif part in ("", "train") and size < max(least, 2):
                found["few_images"].append(Item(where, f"{size} image"))
            if part != "test" and label not in trained:
                found["layout"].append(Item(where, "There is no such class in train."))
        if part == "valid":
            found["layout"] += [
                Item(f"{part}/{label}", "There is such a class in train, but no image here.")
                for label, size in trained.items()
                if size and label not in sizes
            ]
    full = {label: size for label, size in trained.items() if size > 1}
    if extreme := find_extreme_classes(full):
        large, small = extreme
        found["imbalance"].append(
            Item(large, f"{full[large]:,} images for training, {small} has {full[small]:,}")
        )
    return found


def find_copies(
    files: Iterable[DataFile], facts: Mapping[str, ImageFacts]
) -> dict[str, list[Item]]:
    """Return the files that show the same as another one, by kind; damaged files are left out."""
    valid = [each for each in files if not facts[each.path].reason]
    found: defaultdict[str, list[Item]] = defaultdict(list)
    exact = copies.group_by_content(valid, lambda each: facts[each.path].digest)
    for group in exact:
        for kind, item in _compare(group, near=False):
            found[kind].append(item)
    repeated = {each for group in exact for each in _keep_first(group)[1:]}
    small = {
        each: picture
        for each in valid
        if each not in repeated and (picture := facts[each.path].small) is not None
    }
    for group in copies.group_near(small):
        for kind, item in _compare(group, near=True):
            found[kind].append(item)
    return found


def _compare(group: list[DataFile], *, near: bool) -> Iterable[tuple[str, Item]]:
    """Yield what each file of a group is, beside the one that is kept."""
    kept, *others = _keep_first(group)
    for each in others:
        detail = ""
        if each.label != kept.label and each.label and kept.label:
            kind = "two_classes"
            detail = f"{each.label} and {kept.label}" + ", nearly the same" * near
        elif each.part != kept.part:
            kind = "near_leak" if near else "leak"
        else:
            kind = "near_duplicate" if near else "duplicate"
        yield kind, Item(each.path, detail, kept.path)


def _keep_first(group: Iterable[DataFile]) -> list[DataFile]:
    return sorted(group, key=lambda each: (_KEPT_FIRST.index(each.part), each.path))
