"""Unpack the bundle beside itself when it is first used. Runs on the host.

Python keeps what it compiled of the modules in a folder, and not of those in a zip: each process
that trains or evaluates would take half as long again to import them.

In the bundle it is a module of its own, outside of the package. Standard library only, Python 3.8
compatible.
"""

from __future__ import annotations

import sys
from pathlib import Path


def import_from(archive: str) -> None:
    """Let Python import from what is in a bundle first."""
    folder = unpack(archive)
    sys.path[:] = [folder, *(path for path in sys.path if path not in (archive, folder))]


def unpack(archive: str) -> str:
    """Return the folder with the content of a bundle; the bundle where it cannot be unpacked."""
    folder = Path(archive).with_suffix("")
    if not folder.is_dir():
        import tempfile
        import zipfile

        try:
            with tempfile.TemporaryDirectory(dir=folder.parent) as unfinished:
                with zipfile.ZipFile(archive) as bundle:
                    bundle.extractall(Path(unfinished, "code"))
                Path(unfinished, "code").rename(folder)
        except OSError:
            # The disk is full, or another process was faster.
            return str(folder) if folder.is_dir() else archive
    return str(folder)
