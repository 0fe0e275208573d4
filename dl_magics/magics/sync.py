"""The magic that synchronizes files with the instance."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from typing import TYPE_CHECKING

from IPython.core.magic import Magics, line_magic, magics_class

from dl_magics.magics.arguments import argument, magic_arguments, parse_argstring
from dl_magics.magics.aws.options import EXPLAIN
from dl_magics.magics.display.progress_lines import LinePace
from dl_magics.magics.display.updatable import UpdatableDisplay, find_mode
from dl_magics.magics.help.groups import HelpGroup, help_group
from dl_magics.magics.interrupts.explain import explaining
from dl_magics.magics.prompts import confirm

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from dl_magics.actions.aws.explain.shell import Script
    from dl_magics.sync.progress import SyncProgress


@magics_class
class SyncMagics(Magics):
    """The magic `%sync`."""

    @help_group(HelpGroup.DATA)
    @magic_arguments()
    @argument("direction", choices=("up", "down"), help="up: to the instance; down: from it")
    @argument("path", help="file or folder; a relative path is the same on both sides")
    @argument("--to", help="destination; PATH gets this name. Default: the same path")
    @argument(
        "--delete",
        action="store_true",
        help="delete files that the source does not have; asks once",
    )
    @argument(
        "--replace",
        action="store_true",
        help="replace a folder by a file of the same name, and a file by a folder; asks once",
    )
    @argument("-y", "--yes", action="store_true", help="skip the confirmation")
    @EXPLAIN
    @line_magic
    def sync(self, line: str) -> SyncProgress | Script:
        """Copy changed files to the instance or back; resumes after an interruption.

        ::

            %sync up data/dogscats
            %sync down results --to from-the-gpu
            %sync down results/model.keras --to models/

        A relative PATH is the same on both sides: in the notebook's folder here, in your home
        folder there. `up .` sends the notebook's folder to a folder of the same name there, and
        `down .` brings that one back. Of any other path, only the last part is kept.

        With --to, PATH becomes TO, as with `cp -r`; a folder that exists is merged. PATH goes into
        TO, under its own name, where TO ends in `/`, is `.`, `..`, `~` or `~user`, or where PATH is
        a file and TO a folder. `PATH/` is the content of the folder, as with `rsync`.

        Size and time decide whether a file changed; permissions are taken along, but for
        set-user-ID and the right of everyone to write. Quote names with spaces as in a shell.
        """
        from dl_magics.actions.gpu import sync
        from dl_magics.actions.gpu.explain import scripts

        args = parse_argstring(self.sync, line)
        job = sync.make_job(args.direction, args.path, args.to)
        if args.explain:
            return scripts.sync_script(
                args.direction, job, delete=args.delete, replace=args.replace
            )
        if args.delete or args.replace:
            plan = sync.plan_job(args.direction, job)
            delete = plan.surplus if args.delete else []
            replaced = plan.in_the_way if args.replace else []
            if delete:
                confirm(sync.delete_question(args.direction, delete, job), yes=args.yes)
            if replaced:
                confirm(sync.replace_question(args.direction, replaced, job), yes=args.yes)
            job = sync.allow(job, delete=delete, replaced=replaced)
        kept = "Interrupted: what was copied is kept.", f"The same line goes on: %sync {line}"
        with (
            explaining(lambda: kept),
            closing(sync.run_job(args.direction, job)) as progress,
        ):
            return _shown(progress, self.shell)


def _shown(progress: Iterable[SyncProgress], shell: InteractiveShell | None) -> SyncProgress:
    """Display a progress bar in a notebook, elsewhere lines; return the last progress."""
    bar = UpdatableDisplay(shell) if find_mode(shell) != "append" else None
    pace = LinePace()
    last = None
    for last in progress:
        if bar and not last.done:
            bar.show({"text/plain": last.bar})
        elif not last.done and pace.is_due():
            pace.begin()
            print(last.bar, flush=True)
    assert last
    if bar:
        bar.remove()
    return last
