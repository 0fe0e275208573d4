"""The magics for the classes that a run confuses: `%confusion`, `%most_confused`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_magic, magics_class

from dl_magics.magics.arguments import argument, magic_arguments, parse_argstring
from dl_magics.magics.aws.options import EXPLAIN
from dl_magics.magics.display.front_end import shows_widgets
from dl_magics.magics.help.groups import HelpGroup, help_group
from dl_magics.magics.results.options import (
    DATA,
    RUN,
    SPLIT,
    evaluate_classes,
    find_place,
    write_line,
)

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


@magics_class
class ConfusionMagics(Magics):
    """The magics `%confusion` and `%most_confused`."""

    shell: InteractiveShell

    @help_group(HelpGroup.UNDERSTAND)
    @magic_arguments()
    @RUN
    @SPLIT
    @DATA
    @EXPLAIN
    @line_magic
    def confusion(self, line: str) -> Any:
        """Show how often each class is taken for each other one; a click shows the images.

        ::

            %confusion
            %confusion --run pets --split test

        The rows are the labels of the images, the columns what the run predicts. Beside each class
        are its accuracy and the 95 % interval of it, which is wide where there are few images.
        valid are the images that the run was validated on, test those of the folder test, which it
        has never seen. Of more than 20 classes the matrix has those of the most confused pairs,
        beside each other; a picture has all of them, and a list each class, the least accurate
        first. Images of a run that was trained on an instance stay there: only small
        pictures of those that you click are fetched.
        """
        from dl_magics.actions.results import explain, matrix

        args = parse_argstring(self.confusion, line)
        place = find_place(self.shell, args, "confusion")
        if args.explain:
            return explain.explain_evaluation(place, args.split, view="matrix")
        found = evaluate_classes(place, args.split)
        shown = matrix.ConfusionMatrix(found, place.host)
        if not shows_widgets(self.shell):
            return shown
        from IPython.display import display

        from dl_magics.widgets.confusion import ConfusionWidget
        from dl_magics.widgets.saved_note import build_fallback

        again = write_line("confusion", args)
        if shown.overview:
            display(shown.overview)
        display(build_fallback(shown.format_text(), shown.format_html()), raw=True)
        return ConfusionWidget(shown, place, again=again)

    @help_group(HelpGroup.UNDERSTAND)
    @magic_arguments()
    @argument("least", nargs="?", type=int, default=1, help="only pairs of at least so many images")
    @RUN
    @SPLIT
    @DATA
    @EXPLAIN
    @line_magic
    def most_confused(self, line: str) -> Any:
        """List the pairs of classes that are confused most often, most often first.

        ::

            %most_confused
            %most_confused 5 --run pets --split test
        """
        from dl_magics.actions.results import explain, views

        args = parse_argstring(self.most_confused, line)
        place = find_place(self.shell, args, "most_confused")
        if args.explain:
            return explain.explain_evaluation(place, args.split, view="pairs")
        return views.MostConfused(evaluate_classes(place, args.split), args.least)
