"""`dl-magics run RECIPE.py DATA`: the cell of a `%%finetune`, from a terminal or a script."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dl_magics.training.run import Run

DONE, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130
_ABOUT = """\
Fine-tune as the cell %%finetune DATA with the body RECIPE.py does: on this computer, or with --on
or --launch on a host. Options of %%finetune follow the folder: --epochs 3 --then stop.

exit status: 0 the model is on this computer (and the instance is stopped, if that was asked for),
1 failed, 2 refused before it began, 130 interrupted"""


def run_recipe_file(words: Sequence[str]) -> int:
    """Train, and return the exit status of the run."""
    parser = argparse.ArgumentParser(
        prog="dl-magics run",
        description=_ABOUT.replace("%", "%%"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("recipe", type=Path, metavar="RECIPE.py", help="settings as in the cell")
    parser.add_argument("data", metavar="DATA", help="folder with one folder per class")
    parser.add_argument("--on", metavar="HOST", help="instance, or user@host, to train on")
    parser.add_argument("--launch", metavar="TYPE", help="type of the instance to launch if needed")
    parser.add_argument("-y", "--yes", action="store_true", help="launch without a question")
    asked, options = parser.parse_known_args(words)
    try:
        recipe = asked.recipe.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        print(f"{asked.recipe} cannot be read: {error}", file=sys.stderr)
        return REFUSED
    session = _Session()
    yes = " -y" if asked.yes else ""
    try:
        if asked.launch:
            launch = f"%aws_launch {shlex.quote(asked.launch)}{yes}"
            session.run(launch, refusals=_find_launch_refusals())
        if asked.launch or asked.on:
            session.run(f"%gpu_connect {shlex.quote(asked.on or '')}{yes}")
            session.run(f"%sync up {shlex.quote(asked.data)}")
        line = shlex.join([asked.data, *options])
        run: Run = session.run(f"%%finetune {line}\n{recipe}")
    except _CellFailed as failed:
        return failed.status
    return DONE if run.status in ("done", "stopped") and run.state.files else FAILED


class _CellFailed(Exception):
    """A cell failed; its error has been shown."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class _Session:
    """A shell with the magics, whose errors are as in a notebook."""

    def __init__(self) -> None:
        from IPython.core.interactiveshell import InteractiveShell
        from traitlets.config import Config

        quiet = Config({"HistoryManager": {"enabled": False}})
        self._shell = InteractiveShell.instance(config=quiet)
        self._shell.run_line_magic("load_ext", "dl_magics")

    def run(self, cell: str, *, refusals: tuple[type[Exception], ...] = ()) -> Any:
        """Run a cell; return its value. With `refusals`, as with a UserError, nothing has begun."""
        from dl_magics.errors import UserError

        done = self._shell.run_cell(cell, store_history=False)
        error = done.error_before_exec or done.error_in_exec
        if isinstance(error, KeyboardInterrupt):
            raise _CellFailed(INTERRUPTED)
        if error:
            refused = isinstance(error, (UserError, *refusals))
            raise _CellFailed(REFUSED if refused else FAILED)
        return done.result


def _find_launch_refusals() -> tuple[type[Exception], ...]:
    """Return the errors after which a launch has left no instance that runs."""
    from dl_magics import errors

    return (
        errors.NoCredentials,
        errors.NoRegion,
        errors.NotAllowed,
        errors.NoSuchType,
        errors.NoSuchImage,
        errors.QuotaReached,
        errors.WrongState,
    )
