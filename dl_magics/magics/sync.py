"""The magic that synchronizes files with the instance."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from IPython.core.magic import Magics, line_magic, magics_class

from dl_magics.magics.arguments import argument, magic_arguments, parse_argstring
from dl_magics.magics.display.updatable import UpdatableDisplay, find_mode
from dl_magics.magics.prompts import confirm

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from dl_magics.sync.progress import SyncProgress


@magics_class
class SyncMagics(Magics):
    """The magic `%sync`."""

    @magic_arguments()
    @argument("direction", choices=("up", "down"), help="up: to the instance; down: from it")
    @argument("path", help="file or folder; a relative path is the same on both sides")
    @argument("--to", help="destination path; default: the same path")
    @argument(
        "--delete",
        action="store_true",
        help="delete files that the source does not have; asks once",
    )
    @argument("-y", "--yes", action="store_true", help="skip the confirmation")
    @line_magic
    def sync(self, line: str) -> SyncProgress:
        """Copy changed files to the instance or back; resumes after an interruption.

        ::

            %sync up data/dogscats
            %sync down results --to from-the-gpu
        """
        from dl_magics.actions.gpu import sync

        args = parse_argstring(self.sync, line)
        path, to = _bare(args.path), _bare(args.to) if args.to else None
        job = sync.make_job(args.direction, path, to)
        if args.delete and (names := sync.list_surplus(args.direction, job)):
            confirm(sync.delete_question(args.direction, names, job), yes=args.yes)
            job = sync.with_deletions(job, names)
        return _shown(sync.run_job(args.direction, job), self.shell)


def _shown(progress: Iterable[SyncProgress], shell: InteractiveShell | None) -> SyncProgress:
    """Display a progress bar in a notebook; return the last progress."""
    bar = UpdatableDisplay(shell) if find_mode(shell) != "append" else None
    last = None
    for last in progress:
        if bar and not last.done:
            bar.show({"text/plain": last.bar})
    assert last
    if bar:
        bar.remove()
    return last


def _bare(word: str) -> str:
    """Remove the quotes around a name with spaces."""
    return word[1:-1] if len(word) > 1 and word[0] == word[-1] and word[0] in "'\"" else word
