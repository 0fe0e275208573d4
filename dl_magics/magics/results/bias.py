"""The magic that looks for what a run goes by: `%bias_report`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_magic, magics_class

from dl_magics.magics.arguments import argument, magic_arguments, parse_argstring
from dl_magics.magics.aws.options import EXPLAIN
from dl_magics.magics.display.predict_progress import show_progress
from dl_magics.magics.display.updatable import print_line
from dl_magics.magics.help.groups import HelpGroup, help_group
from dl_magics.magics.results.options import DATA, RUN, SPLIT, find_place, say_where

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


@magics_class
class BiasMagics(Magics):
    """The magic `%bias_report`."""

    shell: InteractiveShell

    @help_group(HelpGroup.UNDERSTAND)
    @magic_arguments()
    @RUN
    @SPLIT
    @DATA
    @argument(
        "--group",
        default="",
        metavar="REGEX",
        help=r"compare groups of images, by what is in their path: 'camera\d+'",
    )
    @argument(
        "--images",
        type=int,
        default=120,
        metavar="N",
        help="of how many images parts are replaced (%(default)s); 0 is none",
    )
    @EXPLAIN
    @line_magic
    def bias_report(self, line: str) -> Any:
        r"""Show which classes and groups a run gets wrong, and what it may recognize them by.

        ::

            %bias_report
            %bias_report --run pets --split test --group 'camera\d+'

        For each class, and each group, it shows the accuracy with its 95 % interval, and says
        which are recognized worse than the others by more than chance. It says whether the
        probabilities of the run can be believed: the reliability curve and its error.

        Then each corner, the border and what is around the middle of some images is replaced by
        that of an image of another class. A class that is no longer recognized with another corner
        is recognized by its own: a stamp, a logo, a frame of one camera. That of another image of
        its own class is the control. Where the images are too few to tell, it says how many are
        enough. What the pretrained network sees before any training is shown by the most similar
        other image: if that is often of another class, training must undo it. Where Keras' cache
        has the network with its top, its ImageNet classes are named, too.

        Images of a run that was trained on an instance stay there and are looked at there. A bar
        shows how far it is; an interrupt of the kernel ends it with what is known until then.
        """
        from dl_magics.actions.results import explain
        from dl_magics.actions.results.bias import reporting

        args = parse_argstring(self.bias_report, line)
        place = find_place(self.shell, args, "bias_report")
        if args.explain:
            return explain.explain_evaluation(place, args.split, view="regions")
        say_where(place)
        if args.images > 0:
            print_line(
                f"Replaces parts of up to {args.images} images and predicts them again: minutes "
                "without a GPU."
            )
        with show_progress(self.shell, "Predicting with parts of other images") as progress:
            return reporting.report_bias(
                place, args.split, group=args.group, most=args.images, progress=progress
            )
