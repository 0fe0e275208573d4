"""`%runs`: list runs, compare them, tag, export and delete them."""

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
    from argparse import Namespace

    from IPython.core.interactiveshell import InteractiveShell

_ACTIONS = ("compare", "tag", "export", "delete")


@magics_class
class RunsMagics(Magics):
    """List the runs, compare, tag, export and delete them."""

    shell: InteractiveShell

    @help_group(HelpGroup.TRAIN)
    @magic_arguments()
    @argument(
        "part", nargs="?", default="", help="list only runs with this in their name or their tag"
    )
    @argument(
        "--compare", nargs="+", metavar="RUN", help="put 2 to 8 runs side by side, with curves"
    )
    @argument("--tag", nargs="+", metavar=("RUN", "TEXT"), help="give a run a tag; '' removes it")
    @argument(
        "--export",
        nargs="+",
        metavar=("RUN", "FILE"),
        help="write a run into a zip: model, recipe, events, report (default: RUN.zip)",
    )
    @argument("--delete", nargs="+", metavar="NAME", help="delete runs by their full names")
    @argument("--tensorboard", metavar="FOLDER", help="send the listed runs to TensorBoard")
    @argument("--mlflow", metavar="EXPERIMENT", help="send the listed runs to MLflow")
    @argument("--wandb", metavar="PROJECT", help="send the listed runs to W&B")
    @argument("--trackio", metavar="PROJECT", help="send the listed runs to Trackio")
    @argument("-y", "--yes", action="store_true", help="answer yes to the confirmation")
    @EXPLAIN
    @line_magic
    def runs(self, line: str) -> Any:
        """List the runs, newest first, or compare, tag, export or delete some.

        ::

            %runs
            %runs dogscats
            %runs --compare 2026-11-22_2354 2026-11-23_0102
            %runs --tag 2026-11-22_2354 five heads, unfrozen
            %runs --export 2026-11-22_2354 ~/for-ana.zip
            %runs dogscats --tensorboard logs
            %runs --delete 2026-11-22_235400_vgg16_dogscats

        The list ends with the runs that are only on the connected host. RUN is the name of a run or
        a part that only one has; one that is only on the host is fetched first.

        --compare shows curves in one picture, the settings and images that differ, accuracy with
        its 95 % interval, time, and dollars with the day of their price; and whether the accuracies
        differ by more than chance. --export replaces no file without a question. --delete takes
        full names and asks once; a run that is only on the connected host is deleted there.
        """
        from dl_magics.actions.runs import deletion, runs
        from dl_magics.actions.runs.comparison import compare
        from dl_magics.actions.runs.explain import scripts
        from dl_magics.actions.runs.sharing import tagging
        from dl_magics.actions.runs.trackers import options
        from dl_magics.actions.runs.trackers.export import send_runs
        from dl_magics.magics.display import predict_progress

        args = parse_argstring(self.runs, line)
        _require_one(args)
        if args.explain:
            return scripts.list_script(
                args.delete or [], args.compare or [], args.tag or [], args.export or []
            )
        if args.compare:
            return compare.compare_runs(args.compare)
        if args.tag:
            name, *words = args.tag
            if not words:
                raise BadSetting(
                    f"--tag got no text for {name}.",
                    fix=f"%runs --tag {name} baseline · %runs --tag {name} '' removes it",
                )
            return Notice(tagging.tag_run(name, " ".join(words)))
        if args.export:
            return self._export(args.export, yes=args.yes)
        if args.delete:
            planned = deletion.plan_deletion(args.delete)
            confirm(planned.question, yes=args.yes)
            return Notice(deletion.delete_runs(planned))
        listed = runs.list_runs(args.part)
        if trackers := options.choose_given(vars(args)):
            return Notice(send_runs(listed, trackers, print_line))
        for run in listed:
            predict_progress.show_in(self.shell, run)
        return listed

    def _export(self, words: list[str], *, yes: bool) -> Notice:
        from dl_magics.actions.runs.sharing import export

        if len(words) > 2:
            raise BadSetting(
                f"--export takes a run and a file, not {len(words)} words: {' '.join(words)}",
                fix=f"A name with spaces needs quotes: %runs --export {words[0]} 'my run.zip'",
            )
        planned = export.plan_export(*words)
        if planned.replaces:
            confirm(f"Replace {planned.file}", yes=yes)
        return Notice(export.write_export(planned))


def _require_one(args: Namespace) -> None:
    """Raise BadSetting for two actions in one line, or a part of a name beside one."""
    given = [f"--{name}" for name in _ACTIONS if getattr(args, name)]
    if len(given) > 1 or (given and args.part):
        words = " and ".join([*given, *([args.part] if args.part else [])])
        raise BadSetting(
            f"%runs does one thing at a time, got {words}.", fix="Give each a line of its own."
        )
