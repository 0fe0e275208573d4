"""The magic that lists all magics: `%dl_help`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython.core.magic import Magics, line_magic, magics_class

from dl_magics.magics.arguments import argument, magic_arguments, parse_argstring
from dl_magics.magics.help.groups import HelpGroup, help_group

if TYPE_CHECKING:
    from dl_magics.magics.help.overview import Overview


@magics_class
class HelpMagics(Magics):
    """The magic `%dl_help`."""

    @help_group(HelpGroup.PRACTICE)
    @magic_arguments()
    @argument("word", nargs="*", help="list only magics with these words in name or description")
    @line_magic
    def dl_help(self, line: str) -> Overview:
        """List all magics on one screen, or those with a word in their name or description.

        ::

            %dl_help
            %dl_help stop

        In a notebook a click on a magic shows its examples; %aws_start? shows all of its help.
        """
        from dl_magics.magics.help import overview

        args = parse_argstring(self.dl_help, line)
        return overview.find_magics(" ".join(args.word))
