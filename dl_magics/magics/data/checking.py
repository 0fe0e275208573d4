"""The magic that checks the images of a data set: `%check_data`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_magic, magics_class

from dl_magics.errors import BadSetting
from dl_magics.magics.arguments import argument, magic_arguments, parse_argstring
from dl_magics.magics.aws.options import EXPLAIN
from dl_magics.magics.display.updatable import print_line
from dl_magics.magics.help.groups import HelpGroup, help_group
from dl_magics.magics.prompts import Notice, confirm

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from dl_magics.actions.data.place import DataPlace
    from dl_magics.actions.data.report import DataReport


@magics_class
class CheckMagics(Magics):
    """The magic `%check_data`."""

    shell: InteractiveShell

    @help_group(HelpGroup.DATA)
    @magic_arguments()
    @argument("path", help="folder of images, of any layout")
    @argument(
        "--labels",
        action="store_true",
        help="find labels that disagree with the image, by the features that a run has kept",
    )
    @argument(
        "--fix",
        nargs="*",
        metavar="KIND",
        help="move files into a quarantine: without KIND those that are of no use (empty, damaged, "
        "no images, exact copies), else files of these kinds; asks once",
    )
    @argument("--put-back", action="store_true", help="move the files of the quarantine back")
    @argument("--here", action="store_true", help="use this computer, also if a host is connected")
    @argument("-y", "--yes", action="store_true", help="answer yes to the confirmation")
    @EXPLAIN
    @line_magic
    def check_data(self, line: str) -> Any:
        """Find what is wrong with the images of a folder, and show it.

        ::

            %check_data data/pets
            %check_data data/pets --labels
            %check_data data/pets --fix
            %check_data data/pets --fix blurry dark

        Finds damaged files and files that are no images, wrong extensions, tiny and huge images,
        copies (of the same bytes or nearly the same pixels) in one class, in two classes or in two
        parts, large and small classes, images in no class, and images that are blurry, dark, light,
        without content, of an odd size or shape, or grayscale among colour. The folder of the
        connected instance is checked, or that of this computer if there is none.

        Nothing is changed without --fix, and nothing is ever deleted: --fix moves files into the
        hidden folder .quarantine of PATH, and --put-back moves them back. The result shows the
        images, and has all files of a kind: report = %check_data data/pets, then
        report.files("blurry").
        """
        from dl_magics.actions.data import checks, explain, place

        args = parse_argstring(self.check_data, line)
        if args.put_back and (args.labels or args.fix is not None):
            raise BadSetting(
                "--put-back checks nothing and moves nothing into the quarantine.",
                fix=f"%check_data {args.path} --put-back",
            )
        checks.require_kinds(args.fix or [])
        where = place.find_place(args.path, here=args.here)
        if args.explain:
            return explain.explain_check(
                where, labels=args.labels, fix=args.fix, put_back=args.put_back
            )
        if args.put_back:
            return Notice(checks.put_back(where))
        labels = args.labels or "doubtful_label" in (args.fix or [])
        report = self._check(where, labels=labels)
        if args.fix is None:
            return report
        chosen = report.choose_movable(args.fix)
        if not chosen:
            print_line(f"Nothing to move: {args.path} has no such files.")
            return report
        confirm(checks.ask_to_move(where, chosen), yes=args.yes)
        return Notice(checks.quarantine(where, chosen))

    def _check(self, where: DataPlace, *, labels: bool) -> DataReport:
        from dl_magics.actions.data import checks
        from dl_magics.magics.data.reading import show_reading

        if where.host:
            print_line(f"Checks {where.named} on {where.host}; --here checks this computer's.")
        with show_reading(self.shell) as progress:
            return checks.check_data(where, labels=labels, progress=progress)
