"""The magic that splits a data set into training, validation and test: `%split_data`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_magic, magics_class

from dl_magics.errors import BadSetting
from dl_magics.magics.arguments import argument, magic_arguments, parse_argstring
from dl_magics.magics.aws.options import EXPLAIN
from dl_magics.magics.display.updatable import print_line
from dl_magics.magics.help.groups import HelpGroup, help_group
from dl_magics.magics.prompts import Notice

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


@magics_class
class SplitMagics(Magics):
    """The magic `%split_data`."""

    shell: InteractiveShell

    @help_group(HelpGroup.DATA)
    @magic_arguments()
    @argument("path", help="folder of images; with --undo the folder of the split")
    @argument("--valid", type=float, default=0.2, help="fraction of each class for validation")
    @argument("--test", type=float, default=0.0, help="fraction of each class for test")
    @argument(
        "--sample", type=int, default=0, metavar="N", help="a sample of N training images per class"
    )
    @argument("--to", default="", metavar="FOLDER", help="new folder; default: PATH-split")
    @argument("--seed", type=int, default=42, help="same seed, same split")
    @argument(
        "--group",
        default="",
        metavar="REGEX",
        help=r"files whose name has the same match are in one part: 'patient\d+'",
    )
    @argument(
        "--no-near",
        action="store_true",
        help="images that look the same, but are not, may be in different parts",
    )
    @argument("--list", default="", metavar="FILE", help="CSV or JSON with the class of each image")
    @argument("--column", default="", metavar="NAME", help="column of the classes in it")
    @argument("--copy", action="store_true", help="copies in place of hard links")
    @argument("--dry-run", action="store_true", help="show the table only")
    @argument("--undo", action="store_true", help="remove the files that a split created")
    @argument("--here", action="store_true", help="use this computer, also if a host is connected")
    @EXPLAIN
    @line_magic
    def split_data(self, line: str) -> Any:
        r"""Split a data set into train, valid, test and a sample, in a new folder.

        ::

            %split_data data/pets --valid 0.2 --test 0.1 --sample 200
            %split_data data/xray --group 'patient\d+' --list data/xray/labels.csv
            %split_data --undo data/pets-split

        PATH has a folder for each class, or files named by their class (cat.0.jpg), or --list names
        the classes: CSV, TSV, JSON or JSON Lines, as Kaggle gives them. Each class is split by the
        same fractions. Copies, images that look the same, and groups are in one part. The same seed
        gives the same split on any computer, and the validation images of %%finetune PATH.

        The table is shown first. PATH is not changed, and no file is replaced: the new folder has
        hard links, which need no space and are the same file under another name, or with --copy
        copies. The same line again creates what is missing; --undo removes what was created.
        sample/ has N training images per class and N * valid for validation, for a quick try:
        %%finetune data/pets-split/sample. The folder of the connected instance is split, or that of
        this computer if there is none.
        """
        from IPython.display import display

        from dl_magics.actions.data import explain, place, splits
        from dl_magics.data.splitting.plan import SplitSettings
        from dl_magics.magics.data.reading import show_reading

        args = parse_argstring(self.split_data, line)
        settings = SplitSettings(
            valid=args.valid,
            test=args.test,
            sample=args.sample,
            seed=args.seed,
            group=args.group,
            near=not args.no_near,
            list_file=args.list,
            column=args.column,
        )
        if args.column and not args.list:
            raise BadSetting(
                f"--column {args.column} is a column of a list.", fix="Name the list: --list FILE"
            )
        where = place.find_place(args.path, here=args.here)
        if args.explain and args.undo:
            return explain.explain_undo(where)
        if args.undo:
            return Notice(splits.remove_split(where))
        if where.host:
            print_line(f"Splits {where.named} on {where.host}; --here splits this computer's.")
        with show_reading(self.shell) as progress:
            split = splits.plan_split(where, args.to, settings, progress)
        if args.explain:
            return explain.explain_split(split, copy=args.copy)
        if args.dry_run:
            return split
        display(split)
        print_line(splits.write_split(where, split, copy=args.copy))
        return None
