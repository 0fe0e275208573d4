"""What travels to an instance: the modules that train, and what Keras' settings there are.

They are one zip, to be put on `sys.path` there.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from dl_magics.store import atomic
from dl_magics.version import __version__

PACKAGE = "dl_magics"
TRAVELS = (
    *("core", "data", "errors.py", "keras_config", "runs", "store/__init__.py", "store/atomic.py"),
    *("training", "version.py"),
)

_INIT = b'"""The part of dl_magics that trains, away from home."""\n'
_SUFFIXES = (".py", ".csv")
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


def pack(folder: Path) -> Path:
    """Write the zip into a folder, in one step, and return its path.

    The same content gives the same bytes: nothing is compressed, as compressors differ, and each
    file has the same time. Its name says the version and the first digits of its sha256.
    """
    data = _zipped()
    sha256 = hashlib.sha256(data).hexdigest()
    path = folder / f"{PACKAGE}-{__version__}-{sha256[:12]}.zip"
    return atomic.replace(path, data)


def _zipped() -> bytes:
    contents = {f"{PACKAGE}/__init__.py": _INIT}
    for name in TRAVELS:
        contents.update(_below(files(PACKAGE) / name, f"{PACKAGE}/{name}"))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in sorted(contents.items()):
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.create_system = 3  # wherever it is packed
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    return file.getvalue()


def _below(entry: Traversable, name: str) -> Iterator[tuple[str, bytes]]:
    if entry.is_file():
        if name.endswith(_SUFFIXES):
            yield name, entry.read_bytes()
        return
    for each in entry.iterdir():
        yield from _below(each, f"{name}/{each.name}")
