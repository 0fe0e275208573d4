"""Questions of cells whose front end accepts no input: a kernel asks, the panel answers.

Each is a folder with the text of the question, a mark once a browser has shown it, and a file whose
name is its state. To answer renames the file, to take or withdraw the answer removes it: each is
possible once, whichever processes try.
"""

from __future__ import annotations

import json
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from dl_magics.store import paths, private

OPEN_SECONDS = 600.0
"""For how long a question is asked."""

_TEXT, _SHOWN, _WAITING, _YES, _NO = "question.json", "shown", "waiting", "yes", "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a cell of a notebook asks; `asked_at` is in seconds since the epoch."""

    id: str
    text: str
    notebook: str
    asked_at: float = field(default_factory=time.time)


@contextmanager
def ask_question(text: str, notebook: str) -> Iterator[Question]:
    """Ask a question until the end of the block."""
    _delete_abandoned()
    question = Question(id=uuid.uuid4().hex, text=text, notebook=notebook)
    folder = _folder(question.id)
    try:
        with paths.reporting_failure(folder):
            private.create_folder(folder)
            private.touch(folder / _WAITING)
        paths.replace_file(folder / _TEXT, json.dumps(asdict(question)))
        yield question
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def list_open() -> list[Question]:
    """Return the questions that wait for an answer, the oldest first."""
    found = (_read(folder) for folder in paths.data_folder("questions").iterdir())
    return sorted((each for each in found if each), key=lambda each: each.asked_at)


def mark_shown(id_: str) -> None:
    """Note that a browser has got the question; one that has ended stays ended."""
    with suppress(FileNotFoundError):
        private.touch(_folder(id_) / _SHOWN)


def is_shown(id_: str) -> bool:
    """Whether a browser has got the question."""
    return (_folder(id_) / _SHOWN).exists()


def give_answer(id_: str, *, yes: bool) -> bool:
    """Answer a question; return False if it was answered already, or has ended."""
    folder = _folder(id_)
    try:
        (folder / _WAITING).rename(folder / (_YES if yes else _NO))
    except FileNotFoundError:
        return False
    return True


def take_answer(id_: str) -> bool | None:
    """Return the answer, which cannot be withdrawn any more; None if there is none."""
    for name in (_YES, _NO):
        with suppress(FileNotFoundError):
            (_folder(id_) / name).unlink()
            return name == _YES
    return None


def has_answer(id_: str) -> bool:
    """Whether an answer waits to be taken."""
    return any((_folder(id_) / name).exists() for name in (_YES, _NO))


def _folder(id_: str) -> Path:
    return paths.data_folder("questions") / id_


def _read(folder: Path) -> Question | None:
    """Return a question that waits; None if it has an answer, is too old, or is just ending."""
    try:
        question = Question(**json.loads((folder / _TEXT).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    is_old = time.time() - question.asked_at > OPEN_SECONDS
    return question if (folder / _WAITING).exists() and not is_old else None


def _delete_abandoned() -> None:
    """Delete the questions of kernels that were killed."""
    for folder in paths.data_folder("questions").iterdir():
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > 2 * OPEN_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
