"""`dl-magics run RECIPE.py DATA`: the cell of a `%%finetune`, from a terminal or a script."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from dl_magics.magics.command_line import checks, renting
from dl_magics.magics.command_line.session import DONE, FAILED, REFUSED, CellFailed, Session
from dl_magics.magics.training_cell import EXPLAIN

_NAME = "gpu"
"""That of an instance that is launched where --on names none, as %aws_launch does."""
_ABOUT = """\
Fine-tune as the cell %%finetune DATA with the body RECIPE.py does: on this computer, or with --on
or --launch on a host. Options of %%finetune follow the folder: --epochs 3 --then stop.

--launch TYPE launches the instance that --on names (default: gpu), or starts the one of that name.
Where the run cannot begin then, --then ends it: one that was only started is stopped.

exit status: 0 the model is on this computer (and the instance is stopped, if that was asked for),
1 failed, 2 refused before it began, 130 interrupted"""


def run_recipe_file(words: Sequence[str]) -> int:
    """Train, and return the exit status of the run."""
    asked, options = _make_parser().parse_known_args(words)
    try:
        body = asked.recipe.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        print(f"{asked.recipe} cannot be read: {error}", file=sys.stderr)
        return REFUSED
    line = shlex.join([asked.data, *options])
    cell = f"%%finetune {line}\n{body}"
    host, yes = asked.on or _NAME, asked.yes
    session = Session()
    try:
        if not (asked.on or asked.launch) or EXPLAIN in options:
            return _run(session, cell)
        with session.showing_refusals():
            recipe = checks.check_run(line, body, host=host, type_=asked.launch)
        if not asked.launch:
            return _run_on(session, host, asked.data, cell, yes=yes)
        with renting.rent(session, asked.launch, host, then=recipe.then, yes=yes) as id_:
            return _run_on(session, id_, asked.data, cell, yes=yes)
    except CellFailed as failed:
        return failed.status


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dl-magics run",
        description=_ABOUT.replace("%", "%%"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("recipe", type=Path, metavar="RECIPE.py", help="settings as in the cell")
    parser.add_argument("data", metavar="DATA", help="folder with one folder per class, or s3://…")
    parser.add_argument("--on", metavar="HOST", help="instance, or user@host, to train on")
    parser.add_argument("--launch", metavar="TYPE", help="type of the instance to launch if needed")
    parser.add_argument("-y", "--yes", action="store_true", help="rent without a question")
    return parser


def _run_on(session: Session, host: str, data: str, cell: str, *, yes: bool) -> int:
    """Connect to a host, send the photos of a folder there, and train."""
    from dl_magics.data.s3 import address

    session.run(f"%gpu_connect {shlex.quote(host)}{' -y' if yes else ''}")
    if not address.is_address(data):
        session.run(f"%sync up {shlex.quote(data)}")
    return _run(session, cell)


def _run(session: Session, cell: str) -> int:
    """Run the cell, which trains, or shows an estimate or a script."""
    from dl_magics.training.run import Run

    run = session.run(cell)
    if not isinstance(run, Run):
        return DONE
    return DONE if run.status in ("done", "stopped") and run.state.files else FAILED
