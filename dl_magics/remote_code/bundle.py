"""Build the zip of dl_magics that is put on `sys.path` of an interpreter elsewhere.

It holds what trains, the settings of Keras and the receiving side of `remote_code`. Its name
changes with its content, so that each version is uploaded once.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from dl_magics.store import atomic
from dl_magics.version import __version__

PACKAGE = "dl_magics"
UNPACK = "dl_magics_unpack"
"""The module of the bundle that unpacks it: `unpack.py`."""
TRAVELS = (
    *("core", "data", "errors.py", "keras_config", "remote_code/__init__.py"),
    *("remote_code/entry.py", "runs", "store/__init__.py", "store/atomic.py"),
    *("store/private.py", "text.py", "training", "version.py"),
)

_INIT = b'"""The part of dl_magics that runs on a host."""\n'
_SUFFIXES = (".py", ".csv", ".css")
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX = 3


@dataclass(frozen=True, slots=True)
class Bundle:
    """A zip and the name of its file, which changes with the content."""

    name: str
    data: bytes = field(repr=False)


def build_zip(contents: Mapping[str, bytes]) -> bytes:
    """Return a zip of {name: content}: the same bytes for the same contents, on any system."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in sorted(contents.items()):
            entry = zipfile.ZipInfo(name, _ZIP_EPOCH)
            entry.create_system = _UNIX
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    return file.getvalue()


def name_by_content(stem: str, data: bytes, suffix: str) -> str:
    """Return `stem-`, the first 12 digits of the SHA-256 of the data, and the suffix."""
    return f"{stem}-{hashlib.sha256(data).hexdigest()[:12]}{suffix}"


@cache
def pack_travelling() -> Bundle:
    """Return the bundle of this version; it is read from disk once per process."""
    unpack = files(PACKAGE) / "remote_code" / "unpack.py"
    contents = {f"{PACKAGE}/__init__.py": _INIT, f"{UNPACK}.py": unpack.read_bytes()}
    for name in TRAVELS:
        contents.update(_read_below(files(PACKAGE) / name, f"{PACKAGE}/{name}"))
    data = build_zip(contents)
    return Bundle(name_by_content(f"{PACKAGE}-{__version__}", data, ".zip"), data)


def write_bundle(folder: Path) -> Path:
    """Write the bundle into a local folder, unless it is there, and return its path."""
    packed = pack_travelling()
    path = folder / packed.name
    return path if path.exists() else atomic.replace(path, packed.data)


def _read_below(entry: Traversable, name: str) -> Iterator[tuple[str, bytes]]:
    if entry.is_file():
        if name.endswith(_SUFFIXES):
            yield name, entry.read_bytes()
        return
    for each in entry.iterdir():
        yield from _read_below(each, f"{name}/{each.name}")
