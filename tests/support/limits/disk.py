"""A small disk that can become full or read only; for tests run by root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class SmallDisk:
    """A disk of some megabytes in memory, mounted at `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, left: int = 0) -> None:
        """Leave only so many bytes free."""
        with (self.folder / "filler").open("ab", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(4096))
            except OSError:
                pass
            filler.truncate(max(filler.tell() - left, 0))

    def make_read_only(self) -> None:
        """Refuse all writes from now on."""
        self._mount("-o", "remount,ro", str(self.folder))

    def _mount(self, *words: str) -> None:
        subprocess.run(["mount", *words], check=True)


@contextmanager
def mount_small_disk(folder: Path, size: str = "32m") -> Iterator[SmallDisk]:
    """Mount one; the test is skipped where it cannot be."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("A disk is mounted by root only.")
    folder.mkdir(exist_ok=True)
    words = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(folder)]
    if subprocess.run(words, check=False).returncode:
        pytest.skip("No disk can be mounted here.")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
