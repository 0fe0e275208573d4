"""The magic that predicts the classes of images: `%predict`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_magic, magics_class

from dl_magics.magics.arguments import argument, magic_arguments, parse_argstring
from dl_magics.magics.aws.options import EXPLAIN
from dl_magics.magics.display.updatable import print_line
from dl_magics.magics.help.groups import HelpGroup, help_group
from dl_magics.magics.results.options import RUN, find_place

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from dl_magics.training.prediction.predictions import Predictions


@magics_class
class PredictionMagics(Magics):
    """The magic `%predict`."""

    shell: InteractiveShell

    @help_group(HelpGroup.UNDERSTAND)
    @magic_arguments()
    @argument("path", help="an image, or a folder of images, with or without labels")
    @RUN
    @argument("--csv", default="", metavar="FILE", help="also write all predictions to this file")
    @argument("--force", action="store_true", help="replace FILE if it exists")
    @argument("--here", action="store_true", help="use this computer, also if a host is connected")
    @EXPLAIN
    @line_magic
    def predict(self, line: str) -> Any:
        """Predict the classes of the images of a folder, the least certain first.

        ::

            %predict holiday/photos
            %predict data/pets/test --run pets --csv predictions.csv
            %predict holiday/photos --here

        The images need no labels. Where their folders are named like classes, it also says how many
        are right. The table shows the least certain ones; --csv writes all of them, on this
        computer, with the probability of each class. The result is a list: predictions = %predict
        photos; predictions.all is a data frame.

        Where the notebook is connected to the host that trained the run, and that host has PATH,
        its images are predicted there, and only small pictures of those that are shown are copied;
        --here predicts the images of this computer.
        """
        from dl_magics.actions.results import csv_file, explain, predicting

        args = parse_argstring(self.predict, line)
        place = find_place(self.shell, args)
        if args.explain:
            found = None if args.here else predicting.find_images(place.run, [args.path])
            return explain.explain_prediction(place, args.path, found)

        def predict() -> Predictions:
            return place.run.predict(args.path, here=args.here)

        if not args.csv:
            return predict()
        predictions, written = csv_file.predict_to_file(args.csv, predict, replace=args.force)
        print_line(written)
        return predictions
