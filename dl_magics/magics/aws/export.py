"""The magic that writes plain scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython.core.magic import Magics, line_magic, magics_class

from dl_magics.magics.arguments import argument, magic_arguments, parse_argstring
from dl_magics.magics.aws.options import EXPLAIN
from dl_magics.magics.help.groups import HelpGroup, help_group

if TYPE_CHECKING:
    from dl_magics.actions.aws.explain.shell import Script
    from dl_magics.actions.runs.export.export import Export


@magics_class
class ExportMagics(Magics):
    """The magic `%aws_export`."""

    @help_group(HelpGroup.PRACTICE)
    @magic_arguments()
    @argument("folder", nargs="?", default="aws-scripts", help="new folder (default: aws-scripts)")
    @argument("--run", default="", help="name of the run, or a part of it; default: the newest")
    @argument("--replace", action="store_true", help="replace files that exist in the folder")
    @EXPLAIN
    @line_magic
    def aws_export(self, line: str) -> Export | Script:
        """Write plain scripts for the selected instance and a run, which need no dl_magics.

        They launch another instance like it, start, stop and terminate it, open a terminal, copy
        files, and train as the run did, with aws, ssh, rsync and Keras. No file has a secret in it.
        The folder's README.md says what each script does, and what dl_magics does beyond it.

        ::

            %aws_export
            %aws_export my-scripts --run 2026-11-22_2354
        """
        from dl_magics.actions.aws import context
        from dl_magics.actions.runs.export import export

        args = parse_argstring(self.aws_export, line)
        planned = export.plan_export(
            context.load(remembers=not args.explain), args.folder, args.run
        )
        if args.explain:
            return planned.script
        export.write_export(planned, replace=args.replace)
        return planned
