"""`%lr_find`: find a learning rate for the head of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_magic, magics_class

from dl_magics.magics.arguments import RUN, magic_arguments, parse_argstring
from dl_magics.magics.aws.options import EXPLAIN
from dl_magics.magics.help.groups import HelpGroup, help_group

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


@magics_class
class TuningMagics(Magics):
    """Find settings for the next run."""

    shell: InteractiveShell

    @help_group(HelpGroup.TRAIN)
    @magic_arguments()
    @RUN
    @EXPLAIN
    @line_magic
    def lr_find(self, line: str) -> Any:
        """Show how the loss changes with the learning rate, and suggest one for the head.

        ::

            %lr_find
            %lr_find 2026-11-22_2354

        A new head is trained on the stored features of a run: 100 batches, each at a higher rate,
        from 1e-6 to 10, until the loss is 4 times the lowest one. It takes seconds; the run is left
        as it is. The suggestion is a tenth of the rate with the lowest loss. The result has
        .suggestion, .rates and .losses.

        It needs the features of the run: on this computer, or on the connected host if it trained
        there.
        """
        from dl_magics.actions.runs.explain import scripts
        from dl_magics.actions.runs.tuning import learning_rate

        args = parse_argstring(self.lr_find, line)
        if args.explain:
            return scripts.try_rates_script(args.run)
        return learning_rate.find_learning_rate(args.run)
