"""What the C++ part of a backend writes to file descriptor 2 while it is imported.

TensorFlow writes there before it reads any setting, and Jupyter shows it as an error of the cell.
"""

from __future__ import annotations

import io
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, suppress
from pathlib import Path
from typing import IO, TextIO

from dl_magics.errors import DLMagicsError

FILE_NAME = "messages.log"

_STDERR = 2
# Severity, month and day, as absl writes them. That there is no GPU is shown as the device of the
# run, and each TensorFlow registers its CUDA libraries twice.
_ERROR = re.compile(rb"^[EF]\d{4} (?!.*(?:cuInit|Unable to register cu)).*\n?", re.MULTILINE)


@contextmanager
def hold_back(folder: Path | None = None) -> Iterator[None]:
    """Keep what is written to file descriptor 2 in a file of the run; show only its errors.

    All of it is shown where the block fails with an error that is not ours. Python's own
    `sys.stderr` is not held back.
    """
    try:
        shown = os.dup(_STDERR)
    except OSError:  # it is closed: there is nothing to hold back
        yield
        return
    # A file with a name: where the backend ends the process, it is still there.
    with _open_log(folder) as log:
        start = log.seek(0, os.SEEK_END)
        os.dup2(log.fileno(), _STDERR)
        failed = True
        try:
            with _python_errors_to(shown):
                yield
            failed = False
        except DLMagicsError:
            failed = False
            raise
        finally:
            os.dup2(shown, _STDERR)
            log.seek(start)
            written = log.read()
            _write(_STDERR, written if failed else b"".join(_ERROR.findall(written)))
            os.close(shown)
    if folder and not written and not start:
        with suppress(OSError):
            (folder / FILE_NAME).unlink()


def _open_log(folder: Path | None) -> IO[bytes]:
    if folder:
        return (folder / FILE_NAME).open("a+b")
    return tempfile.TemporaryFile()


@contextmanager
def _python_errors_to(descriptor: int) -> Iterator[None]:
    """Let `sys.stderr` of a terminal go on to write where it did."""
    try:
        is_descriptor = sys.stderr.fileno() == _STDERR
    except (AttributeError, OSError, ValueError):
        is_descriptor = False
    if not is_descriptor:
        yield
        return
    stream = _TerminalErrors(sys.stderr, descriptor)
    try:
        with redirect_stderr(stream):
            yield
    finally:
        stream.descriptor = None


class _TerminalErrors(io.TextIOBase):
    """Write to a descriptor; after that is closed, to `before`: loggers keep the stream."""

    encoding = "utf-8"

    def __init__(self, before: TextIO, descriptor: int) -> None:
        self._before = before
        self.descriptor: int | None = descriptor

    def write(self, text: str) -> int:
        if self.descriptor is None:
            return self._before.write(text)
        _write(self.descriptor, text.encode(errors="replace"))
        return len(text)

    def flush(self) -> None:
        self._before.flush()

    def fileno(self) -> int:
        return self._before.fileno()

    def isatty(self) -> bool:
        return self._before.isatty()


def _write(descriptor: int, written: bytes) -> None:
    while written:
        written = written[os.write(descriptor, written) :]
