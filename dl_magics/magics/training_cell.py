"""What the cells of `%%finetune` and `%attach` do: show a run, and what becomes of its instance."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from typing import TYPE_CHECKING, Any

from dl_magics.errors import BadSetting
from dl_magics.magics.display.updatable import print_line
from dl_magics.magics.interrupts.explain import explaining

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from dl_magics.actions.aws.explain.shell import Script
    from dl_magics.actions.runs.ending.plan import Endings
    from dl_magics.actions.runs.trackers.options import Chosen
    from dl_magics.magics.display.front_end import Live
    from dl_magics.runs.events import Event
    from dl_magics.training.recipe.recipe import Recipe
    from dl_magics.training.run import Run

    Stop = Callable[[], bool]
    Train = Callable[[Stop], Generator[Event, None, None]]

RESUME, EXPLAIN, CHECK, FORCE, YES = "--resume", "--explain", "--check", "-f", "-y"
_FLAGS = (EXPLAIN, CHECK, FORCE, YES)


def parse_recipe(line: str, cell: str, names: Mapping[str, Any]) -> tuple[Recipe, list[str]]:
    """Return the recipe of a line without trackers and a body, and the flags of the line.

    `names` are the variables of the notebook. Raises BadSetting where one of them is not valid.
    """
    from dl_magics.actions.runs.models import own_model
    from dl_magics.training.recipe import cell_parser

    words = line.split(" ")
    settings = " ".join(word for word in words if word not in _FLAGS)
    recipe = cell_parser.parse_cell(settings, cell, names, own_model.find_model)
    return recipe, [word for word in words if word in _FLAGS]


def is_resume(line: str) -> bool:
    """Return whether a line resumes a run."""
    return any(word.partition("=")[0] == RESUME for word in line.split())


def watch_training(
    shell: InteractiveShell, live: Live, run: Run, train: Train, endings: Endings
) -> Run:
    """Show a run while it trains in this cell, end its instances if asked to, and return it."""
    from dl_magics.magics.aws import stopping

    with stopping.saying_it_stays_up(endings):
        shown = _show(shell, live, run, train)
        ended = f"The run {run.name} has ended.", f"%attach {run.name} shows it."
        with explaining(lambda: ended):
            stopping.end_after(endings, run)
    return shown


def prepare_workers(workers: Sequence[str], *, yes: bool) -> None:
    """Install what workers need and their hosts lack, after a question that shows the commands."""
    from dl_magics.actions.runs.crew import setup
    from dl_magics.magics import prompts

    if missing := setup.find_missing(workers):
        prompts.confirm(setup.describe(missing), yes=yes)
        for line in setup.install(missing):
            print_line(line)


def resume_training(
    shell: InteractiveShell, live: Live, line: str, cell: str, trackers: Sequence[Chosen]
) -> Run | Script:
    """Resume the run that a line names, and return it; with `--explain` say how, only."""
    from dl_magics.actions.runs import finetune, place, runs
    from dl_magics.actions.runs.crew import resuming
    from dl_magics.actions.runs.ending import resumed as ending
    from dl_magics.actions.runs.explain import scripts
    from dl_magics.actions.runs.trackers import export

    words = line.split()
    named = parse_resume(" ".join(each for each in words if each != EXPLAIN), cell)
    run = runs.find_resumable(named)
    resumed = resuming.plan_resumed(run)
    where = resumed.sentence if resumed else place.describe_resumed(run)
    if EXPLAIN in words:
        return scripts.resume_script(run, where)
    print_line(where)
    if resumed and resumed.host and not resumed.is_computed:
        prepare_workers(run.state.recipe["workers"], yes=False)
    planned = ending.plan_resumed(run)
    if planned.stays_up:
        print_line(planned.stays_up)
    return watch_training(
        shell,
        live,
        run,
        lambda stop: export.send_live(
            finetune.resume(run, stop, resumed), trackers, run.name, print_line
        ),
        planned.endings,
    )


def attach_run(shell: InteractiveShell, how: Live, run: Run, *, stop: bool) -> Run:
    """Show a run of any process from its first event on, and return it; `stop` ends it before."""
    from dl_magics.actions.runs import remote_run, runs
    from dl_magics.actions.runs.ending import plan
    from dl_magics.magics.display import live, predict_progress
    from dl_magics.magics.display.front_end import shows_widgets
    from dl_magics.magics.interrupts.run import describe_watched
    from dl_magics.runs import log, remote_origin

    if stop:
        runs.stop_run(run)
    is_written, is_here = log.is_being_written(run.path), not remote_origin.is_running(run.path)
    name, watched = (run.name, run) if is_written else ("", None)
    screen = live.screen_for(shell, how, name=name, watched=watched)
    # Only a page with widgets shows what comes after the end of the cell.
    if is_written and shows_widgets(shell):
        threading.Thread(target=live.attach, args=(run, screen), daemon=True).start()
    else:
        with explaining(lambda: describe_watched(run)):
            live.attach(run, screen)
            if fetched := remote_run.fetch_missing(run.record):
                print_line(fetched)
        if not (is_written or is_here) and (said := plan.describe_not_ended(run)):
            print_line(said)
    return predict_progress.show_in(shell, run)


def _show(shell: InteractiveShell, how: Live, run: Run, train: Train) -> Run:
    """Show a run while it trains in this cell, and return it."""
    from dl_magics.magics.display import live, predict_progress
    from dl_magics.magics.interrupts.run import explain_training
    from dl_magics.runs.stop_request import catch_first_interrupt

    before = run.record.refresh()
    screens: list[live.Screen] = []
    try:
        with (
            catch_first_interrupt(lambda: screens[0].show_stopping() if screens else None) as stop,
            _show_lost_link(shell),
            closing(train(stop)) as events,
        ):
            screens.append(live.screen_for(shell, how, name=run.name))
            if stop():  # before it could be shown
                screens[0].show_stopping()
            live.watch(events, screens[0], before)
    except KeyboardInterrupt:
        with suppress(OSError):
            run.path.rmdir()  # it is empty if nothing began
        raise explain_training(run) from None
    return predict_progress.show_in(shell, run)


def _show_lost_link(shell: InteractiveShell) -> AbstractContextManager[object]:
    """Print a line while the host of the GPU kernel cannot be reached."""
    from dl_magics.actions.gpu import notebook_kernel
    from dl_magics.magics.display.link_status import show_link_status

    if not notebook_kernel.is_connected():
        return nullcontext()
    return show_link_status(shell, notebook_kernel.current())


def parse_resume(line: str, cell: str) -> str:
    """Return the run that `--resume [RUN]` names, "" for the newest interrupted one.

    Raises BadSetting where the cell has more than that.
    """
    first, *words = line.replace(f"{RESUME}=", f"{RESUME} ").split()
    if first != RESUME or len(words) > 1 or any(word.startswith("-") for word in words):
        raise BadSetting(
            f"--resume takes the name of one run and no other argument, got: {line.strip()}",
            fix="Leave out the folder and the settings: %finetune --resume",
        )
    if cell.strip():
        raise BadSetting(
            f"--resume takes no cell body, got: {cell.strip().splitlines()[0]}",
            fix="A resumed run keeps its own recipe. Leave out the body: %finetune --resume",
        )
    return words[0] if words else ""
