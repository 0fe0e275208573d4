"""What `%aws_export` writes: a folder of scripts for the selected instance and the newest run."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dl_magics.actions.aws.context import Context
from dl_magics.actions.aws.explain.shell import Script
from dl_magics.actions.runs import runs
from dl_magics.actions.runs.export import guide, instance_scripts, training_scripts
from dl_magics.errors import BadData, CannotChange, NoSuchRun
from dl_magics.runs.write_errors import translating_write_errors
from dl_magics.store import private
from dl_magics.training.run import Run

FOLDER = "aws-scripts"
_FOR_OWNER = 0o700


@dataclass(frozen=True, slots=True)
class Export:
    """A folder of scripts: the content of each file by its name, and what was left out, if any."""

    folder: Path
    files: Mapping[str, str]
    left_out: str = ""

    def __str__(self) -> str:
        names = " ".join(self.files)
        note = f"\n{self.left_out}" if self.left_out else ""
        return f"{self.folder}: {names}{note}\n{self.folder / guide.FILE} says what each does."

    __repr__ = __str__

    @property
    def script(self) -> Script:
        """All files one after the other, for `--explain`."""
        return Script(
            "\n".join(f"# {self.folder / name}\n{text}" for name, text in self.files.items())
        )


def plan_export(context: Context, folder: str, run_name: str = "") -> Export:
    """Return the scripts for the selected instance and a run: the one that is named, or the newest.

    Without a run, or without its images on this computer, there are none that train.
    """
    instance = context.resolve_instance()
    run = _find_run(run_name)
    python = training_scripts.find_python(instance, run)
    files = {
        **instance_scripts.write_scripts(context, instance, python),
        "sync.sh": training_scripts.write_sync(),
    }
    training: dict[str, str] = {}
    left_out = ""
    if run is None:
        left_out = "There is no run yet, so no script trains."
    elif run.is_on_theano:
        left_out = f"{run.name} trains with Keras 1 on Theano, so no script trains."
    else:
        try:
            training = training_scripts.write_training(run)
        except BadData as error:
            left_out = f"No script trains, as the images of {run.name} are not here: {error}"
        except (TypeError, KeyError) as error:
            left_out = f"No script trains, as the recipe of {run.name} is incomplete: {error}"
    written = guide.write_guide(instance, run if training else None, left_out)
    return Export(Path(folder), {guide.FILE: written, **files, **training}, left_out)


def write_export(export: Export, *, replace: bool) -> None:
    """Write the files; raise CannotChange where one exists, unless it is to be replaced."""
    existing = [name for name in export.files if (export.folder / name).exists()]
    if existing and not replace:
        raise CannotChange(
            f"'{export.folder}' has {', '.join(existing[:3])}{' …' if existing[3:] else ''} "
            "already, and maybe your changes in them.",
            fix="Name another folder: %aws_export OTHER · or replace these files: "
            f"%aws_export '{export.folder}' --replace",
        )
    with translating_write_errors(export.folder):
        with suppress(FileExistsError):
            private.create_folder(export.folder)
        for name, text in export.files.items():
            file = export.folder / name
            file.unlink(missing_ok=True)
            file.write_text(text, encoding="utf-8", newline="\n")
            file.chmod(_FOR_OWNER if name.endswith((".sh", ".py")) else private.FILE_MODE)


def _find_run(name: str) -> Run | None:
    try:
        return runs.find_run(name)
    except NoSuchRun:
        if name:
            raise
        return None
