"""Plan a split: which image goes to which part, before any file is written."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dl_magics.data.quality import check, copies
from dl_magics.data.quality.measure import ImageFacts
from dl_magics.data.split import shuffle_names
from dl_magics.data.splitting.assign import TEST, TRAIN, VALID, assign_parts
from dl_magics.data.splitting.sources import Source, find_source
from dl_magics.errors import BadData, BadSetting

SAMPLE = "sample"


@dataclass(frozen=True, slots=True)
class SplitSettings:
    """What a person asks for: fractions of each class, and what belongs together.

    `sample` is the number of training images per class in the sample, or 0. `group` is a regular
    expression: files whose name gives the same match are in one part. `near` keeps images that
    look the same in one part. `list_file` and `column` name the classes; see `sources`.
    """

    valid: float = 0.2
    test: float = 0.0
    sample: int = 0
    seed: int = 42
    group: str = ""
    near: bool = True
    list_file: str = ""
    column: str = ""

    def __post_init__(self) -> None:
        wrong = ""
        if not 0 < self.valid < 1:
            wrong = f"--valid must be a fraction between 0 and 1, got {self.valid:g}."
        elif not 0 <= self.test < 1:
            wrong = f"--test must be a fraction from 0 to below 1, got {self.test:g}."
        elif self.valid + self.test >= 1:
            wrong = f"--valid {self.valid:g} and --test {self.test:g} leave no images for training."
        if wrong:
            raise BadSetting(wrong, fix="Fractions of each class: --valid 0.2 --test 0.1")
        if self.sample < 0:
            raise BadSetting(
                f"--sample must be a number of images per class, got {self.sample}.",
                fix="--sample 200",
            )
        try:
            re.compile(self.group)
        except re.error as error:
            raise BadSetting(
                f"--group is not a regular expression: {error}.",
                fix=r"For a name such as p017_3.jpg: --group 'p\d+'",
            ) from error


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """The files to create, {path below `destination`: path below `source`}, and what was found.

    `together` is the number of images that are in one part because they belong together. `unused`
    says of files why they are left out.
    """

    source: str
    destination: str
    files: Mapping[str, str]
    counts: Mapping[str, Mapping[str, int]]
    settings: Mapping[str, Any]
    together: int = 0
    unused: Mapping[str, str] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON values."""
        return asdict(self)


def plan_split(
    root: str,
    destination: str,
    settings: SplitSettings,
    progress: Callable[[int, int], None] | None = None,
) -> SplitPlan:
    """Return how a data set would be split. Files are read only.

    Parameters
    ----------
    root
        The data set; see `sources.find_source`.
    destination
        The new folder.
    settings
        The fractions, and what belongs together.
    progress
        Called with the number of files that were read, and of all.

    Raises
    ------
    BadData
        where the images have no classes, or a class cannot be in all parts.
    BadSetting
        where no file name matches the group.
    """
    source = find_source(root, settings.list_file, settings.column)
    facts = check.measure_files(source.root, source.labels, progress)
    unused = dict.fromkeys(source.unused, "no class")
    unused.update((name, each.reason) for name, each in facts.items() if each.reason)
    labels = {name: label for name, label in source.labels.items() if name not in unused}
    if not labels:
        raise BadData(f"'{root}' has no valid image.", fix="%check_data says what the files are.")
    groups = _find_groups(labels, facts, settings)
    fractions = {VALID: settings.valid, TEST: settings.test}
    parts = assign_parts(labels, groups, fractions, settings.seed)
    files = {f"{part}/{labels[name]}/{source.inner[name]}": name for name, part in parts.items()}
    files |= _draw_sample(source, labels, parts, settings)
    return SplitPlan(
        source=str(source.root.resolve()),
        destination=str(Path(destination).expanduser().absolute()),
        files=dict(sorted(files.items())),
        counts=_count(files, labels),
        settings=asdict(settings),
        together=sum(len(group) for group in groups if len(group) > 1),
        unused=unused,
    )


def _find_groups(
    labels: Mapping[str, str], facts: Mapping[str, ImageFacts], settings: SplitSettings
) -> list[list[str]]:
    """Return all names in groups that belong together."""
    joined: list[list[str]] = copies.group_by_content(labels, lambda name: facts[name].digest)
    if settings.near:
        small = {name: picture for name in labels if (picture := facts[name].small) is not None}
        joined += copies.group_near(small)
    if settings.group:
        joined += _group_by_name(labels, settings.group)
    return copies.join_groups(labels, joined)


def _group_by_name(names: Iterable[str], pattern: str) -> list[list[str]]:
    """Return the names in groups of the same match, or the same brackets of it if there are any."""
    found: dict[tuple[str | None, ...], list[str]] = {}
    for name in names:
        if match := re.search(pattern, name):
            found.setdefault(match.groups() or (match[0],), []).append(name)
    if not found:
        raise BadSetting(
            f"--group {pattern!r} matches no file name, such as {min(names, default='')!r}.",
            fix=r"For a name such as p017_3.jpg: --group 'p\d+'",
        )
    return list(found.values())


def _draw_sample(
    source: Source, labels: Mapping[str, str], parts: Mapping[str, str], settings: SplitSettings
) -> dict[str, str]:
    """Return the files of the sample: a small data set of the same form, for a quick try."""
    if not settings.sample:
        return {}
    sizes = {TRAIN: settings.sample, VALID: max(1, round(settings.sample * settings.valid))}
    by_class: dict[tuple[str, str], list[str]] = {}
    for name, part in parts.items():
        by_class.setdefault((part, labels[name]), []).append(name)
    return {
        f"{SAMPLE}/{part}/{label}/{source.inner[name]}": name
        for (part, label), names in by_class.items()
        if part in sizes
        for name in shuffle_names(names, settings.seed)[: sizes[part]]
    }


def _count(files: Mapping[str, str], labels: Mapping[str, str]) -> dict[str, dict[str, int]]:
    """Return the number of images of each part and class; the parts in their usual order."""
    counts: dict[str, dict[str, int]] = {}
    parts = [TRAIN, VALID, TEST, f"{SAMPLE}/{TRAIN}", f"{SAMPLE}/{VALID}"]
    for part in parts:
        own = Counter(labels[name] for path, name in files.items() if path.startswith(f"{part}/"))
        if own:
            counts[part] = dict(sorted(own.items()))
    return counts
