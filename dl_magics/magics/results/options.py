"""The options that the magics for results share, and the run that they look at."""

from __future__ import annotations

import shlex
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from dl_magics.magics.arguments import argument
from dl_magics.magics.display.updatable import print_line

if TYPE_CHECKING:
    from dl_magics.actions.results.place import ResultPlace
    from dl_magics.runs.evaluation import Evaluation

RUN = argument(
    "--run", default="", metavar="NAME", help="the run, or a part of its name (default: the newest)"
)
SPLIT = argument(
    "--split",
    default="valid",
    choices=("valid", "test", "train"),
    help="the images to look at (default: valid)",
)
DATA = argument(
    "--data",
    default="",
    metavar="FOLDER",
    help="where the images are now, on this computer, if not where the run found them",
)


def find_place(shell: Any, args: Namespace, magic: str = "") -> ResultPlace:
    """Return the run that a line names; it shows its progress in the shell.

    `magic` is the name of one that takes --data.
    """
    from dl_magics.actions.results import place
    from dl_magics.magics.display import predict_progress

    again = write_line(magic, args) if magic else ""
    found = place.find_result(args.run, data=getattr(args, "data", ""), again=again)
    predict_progress.show_in(shell, found.run)
    return found


def say_where(found: ResultPlace) -> None:
    """Print where a run is evaluated, if that is another computer."""
    if found.host:
        print_line(
            f"Evaluates {found.run.name} on {found.host}, where its images are; "
            "--data FOLDER takes those of this computer."
        )


def evaluate_classes(found: ResultPlace, split: str) -> Evaluation:
    """Return what a run says of its images, where these are not shown.

    Where their host has ended, it is what the host has sent before, which is said.
    """
    from dl_magics.actions.results import evaluating

    if found.host and (why := found.explain_ended()):
        if stored := evaluating.read_stored(found.run, split):
            print_line(f"{why} Shows the predictions that {found.run.name} made there before.")
            return stored
    else:
        say_where(found)
    return evaluating.evaluate(found, split).evaluation


def write_line(magic: str, args: Namespace) -> str:
    """Return the line that shows the same again."""
    words = [f"%{magic}"]
    for name, default in (("run", ""), ("split", "valid"), ("data", "")):
        value = getattr(args, name, default)
        if value != default:
            words += [f"--{name}", shlex.quote(value)]
    return " ".join(words)
