"""The magic that shows the images that a run was most wrong about: `%top_losses`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_magic, magics_class

from dl_magics.errors import BadSetting
from dl_magics.magics.arguments import argument, magic_arguments, parse_argstring
from dl_magics.magics.aws.options import EXPLAIN
from dl_magics.magics.help.groups import HelpGroup, help_group
from dl_magics.magics.results.options import DATA, RUN, SPLIT, find_place, say_where, write_line

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


@magics_class
class LossMagics(Magics):
    """The magic `%top_losses`."""

    shell: InteractiveShell

    @help_group(HelpGroup.UNDERSTAND)
    @magic_arguments()
    @argument("most", nargs="?", type=int, default=9, help="how many images (default: 9)")
    @RUN
    @SPLIT
    @DATA
    @EXPLAIN
    @line_magic
    def top_losses(self, line: str) -> Any:
        """Show the images that a run was most wrong about, and where in them it looked.

        ::

            %top_losses
            %top_losses 24 --run pets --split test

        The loss of an image is high where the run gave its label a low probability: a mistake, a
        doubtful image, or a wrong label. Beside each image is what the model looked at for the
        class that it predicted (Grad-CAM): in colour what counts, in gray what does not. A map says
        where, not why; it is coarse, 7 x 7 or 14 x 14 fields for most networks.

        A network without a last map, such as a vision transformer, predicts each image again with
        each of 7 x 7 fields hidden in turn, which takes 50 predictions an image: in colour are the
        fields without which the class is less probable.
        """
        from dl_magics.actions.results import evaluating, explain, views
        from dl_magics.training.evaluation.requests import MOST_PICTURES

        args = parse_argstring(self.top_losses, line)
        if not 1 <= args.most <= MOST_PICTURES:
            raise BadSetting(
                f"%top_losses shows 1 to {MOST_PICTURES} images, not {args.most}.",
                fix=f"All of them: found = {write_line('confusion', args)} · then "
                "found.evaluation.top_losses(1000)",
            )
        place = find_place(self.shell, args, "top_losses")
        if args.explain:
            return explain.explain_evaluation(place, args.split, view="losses", most=args.most)
        say_where(place)
        found = evaluating.evaluate(place, args.split, explained=args.most)
        return views.TopLosses(found, args.most, place.host)
