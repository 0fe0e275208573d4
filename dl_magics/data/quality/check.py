"""Check all images of a folder: one pass over the files, then the rules."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from dl_magics.data import previews
from dl_magics.data.quality import folder_rules, image_rules
from dl_magics.data.quality.findings import Finding, Findings, Item, sort_findings
from dl_magics.data.quality.measure import ImageFacts, measure_file
from dl_magics.data.quality.parts import Parts, find_parts

MOST_PICTURES = 24
"""How many items of a kind have a picture."""

PICTURE_SIDE = 96

Progress = Callable[[int, int], None]


def check_images(
    root: str | Path,
    progress: Progress | None = None,
    label_check: Callable[[Parts], tuple[list[Item], str]] | None = None,
) -> Findings:
    """Return what is wrong with the images below a folder. Files are read only.

    Parameters
    ----------
    root
        A folder of any layout; see `parts`.
    progress
        Called with the number of files that were read, and of all.
    label_check
        Returns the doubtful labels, and what could not be checked.

    Raises
    ------
    BadData
        where the folder is missing, or has no file.
    """
    parts = find_parts(root)
    facts = measure_files(parts.root, [each.path for each in parts.files], progress)
    found: dict[str, list[Item]] = {}
    for judged in (
        folder_rules.judge_folders(parts),
        image_rules.judge_images(facts),
        folder_rules.find_copies(parts.files, facts),
    ):
        found.update(judged)
    note = ""
    if label_check:
        found["doubtful_label"], note = label_check(parts)
    return Findings(
        str(root),
        len(parts.files),
        parts.count_images(),
        tuple(_add_pictures(parts.root, each) for each in sort_findings(found)),
        note,
    )


def measure_files(
    root: Path, names: Iterable[str], progress: Progress | None = None
) -> dict[str, ImageFacts]:
    """Return the facts of files below a folder, by their path there."""
    listed = list(names)
    facts: dict[str, ImageFacts] = {}
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        measured = pool.map(measure_file, (root / name for name in listed))
        for name, each in zip(listed, measured, strict=True):
            facts[name] = each
            if progress:
                progress(len(facts), len(listed))
    return facts


def _add_pictures(root: Path, finding: Finding) -> Finding:
    """Return a finding whose first items have a picture, where they are images."""
    shown = [
        replace(
            each,
            picture=previews.encode_picture(root / each.path, PICTURE_SIDE),
            kept_picture=previews.encode_picture(root / each.kept, PICTURE_SIDE) * bool(each.kept),
        )
        for each in finding.items[:MOST_PICTURES]
    ]
    return Finding(finding.kind, (*shown, *finding.items[MOST_PICTURES:]))
