"""The magic that goes through doubtful images: `%clean_images`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_magic, magics_class

from dl_magics.errors import BadSetting
from dl_magics.magics.arguments import argument, magic_arguments, parse_argstring
from dl_magics.magics.aws.options import EXPLAIN
from dl_magics.magics.display.front_end import shows_widgets
from dl_magics.magics.help.groups import HelpGroup, help_group
from dl_magics.magics.results.options import find_place, say_where

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from dl_magics.actions.results.cleaning import Cleaning


@magics_class
class CleanMagics(Magics):
    """The magic `%clean_images`."""

    shell: InteractiveShell

    @help_group(HelpGroup.UNDERSTAND)
    @magic_arguments()
    @argument("path", nargs="?", default="", help="folder of images with a folder for each class")
    @argument(
        "--run", default="", metavar="NAME", help="order the images of this run by their loss"
    )
    @argument(
        "--split",
        default="valid",
        choices=("valid", "test", "train"),
        help="with --run: the images to look at (default: valid)",
    )
    @argument("--here", action="store_true", help="use this computer, also if a host is connected")
    @EXPLAIN
    @line_magic
    def clean_images(self, line: str) -> Any:
        """Go through doubtful images: keep, give another label, or move into the quarantine.

        ::

            %clean_images data/pets
            %clean_images --run 2026-11-22_2354 --split train

        With --run, the images that the run was most wrong about come first; with a folder, those
        whose label disagrees with the features that a run has kept (%check_data PATH --labels).
        Without either it is the newest run.

        Each click is done at once where the images are, and journalled: another class, a restart of
        the kernel or another day lose nothing, and Undo takes back each step. A new label moves the
        image into the folder of that class; no file is replaced or deleted, and %check_data PATH
        --put-back moves the whole quarantine back. Where widgets are not shown, the value has the
        same steps: .keep(path), .relabel(path, class), .quarantine(path), .undo().
        """
        args = parse_argstring(self.clean_images, line)
        if args.path and args.run:
            raise BadSetting(
                "%clean_images takes a folder or --run, not both.",
                fix=f"%clean_images --run {args.run}",
            )
        if args.explain:
            from dl_magics.actions.results import cleaning

            return cleaning.explain(args.path)
        found = self._find(args)
        if not shows_widgets(self.shell) or not found.photos:
            return found
        from IPython.display import display

        from dl_magics.widgets.cleaner import Cleaner
        from dl_magics.widgets.saved_note import build_note

        again = " ".join(["%clean_images", *map(shlex.quote, shlex.split(line))])
        display(build_note("The kernel of these images has ended. Run:", again), raw=True)
        return Cleaner(found, again)

    def _find(self, args: Any) -> Cleaning:
        from dl_magics.actions.data import place
        from dl_magics.actions.results import cleaning, evaluating

        if args.path:
            where = place.find_place(args.path, here=args.here)
            return cleaning.clean_by_labels(where, where.path, where.features)
        found = find_place(self.shell, args)
        say_where(found)
        return cleaning.clean_by_run(found, evaluating.evaluate(found, args.split).evaluation)
