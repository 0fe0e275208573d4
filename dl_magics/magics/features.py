"""`%features`: what the feature store and the runs occupy, and how space is given back."""

from __future__ import annotations

from typing import Any

from IPython.core.magic import Magics, line_magic, magics_class

from dl_magics.magics.arguments import argument, magic_arguments, parse_argstring
from dl_magics.magics.aws.options import EXPLAIN, YES
from dl_magics.magics.help.groups import HelpGroup, help_group
from dl_magics.magics.prompts import Notice, confirm


@magics_class
class FeaturesMagics(Magics):
    """The magic `%features`."""

    @help_group(HelpGroup.TRAIN)
    @magic_arguments()
    @argument("--clear", action="store_true", help="delete features; asks once")
    @argument("--model", default="", help="only features of this model: VGG16")
    @argument("--larger-than", default="", help="only features of more than so much: 500MB, 1.5GB")
    @argument("--older-than", default="", help="only features that no run used for so many days")
    @argument("--here", action="store_true", help="only on this computer")
    @argument("--there", action="store_true", help="only on the connected host")
    @YES
    @EXPLAIN
    @line_magic
    def features(self, line: str) -> Any:
        """Show what features and runs occupy, here and on the connected host; delete features.

        ::

            %features
            %features --clear --older-than 30
            %features --clear --model ResNet50 --larger-than 1GB --here

        Features are what the frozen part of a network computed for your images: a second run on
        the same images starts training at once. Deleted ones are computed again when a run needs
        them. What a run that is going on needs is kept. %runs --delete deletes runs.
        """
        from dl_magics.actions.features import clearing

        args = parse_argstring(self.features, line)
        here, there = args.here or not args.there, args.there or not args.here
        choice = clearing.Choice.parse(args.model, args.larger_than, args.older_than)
        if args.explain and not args.clear:
            return clearing.explain(None)
        storage = clearing.list_storage(here=here, there=there)
        if not args.clear:
            return storage
        planned = clearing.plan(storage, choice)
        if args.explain:
            return clearing.explain(planned)
        if planned.nothing:
            return Notice(planned.nothing)
        confirm(planned.question, yes=args.yes)
        return Notice(clearing.clear(planned))
