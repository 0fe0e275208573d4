"""`%%finetune`, `%runs`, `%attach`: train, list, come back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, closing, nullcontext
from typing import TYPE_CHECKING, Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class, needs_local_scope
from traitlets import Enum

from dl_magics.errors import BadSetting
from dl_magics.magics.arguments import argument, magic_arguments, parse_argstring

if TYPE_CHECKING:
    from dl_magics.runs.events import Event
    from dl_magics.training.run import Run

    Stop = Callable[[], bool]

_EXPLAIN, _RESUME = "--explain", "--resume"


@magics_class
class FinetuneMagics(Magics):
    """Fine-tuning a pretrained image model, live, and coming back to a run."""

    shell: InteractiveShell

    live = Enum(
        ["widget", "plain"],
        "widget",
        help="How a run is shown while it goes on; 'plain' for a front end without widgets.",
    ).tag(config=True)

    @needs_local_scope
    @line_cell_magic
    def finetune(self, line: str, cell: str = "", local_ns: dict[str, Any] | None = None) -> Any:
        """Fine-tune a pretrained image model on a folder of images, and return the Run.

        ::

            %%finetune data/dogscats
            model  = "VGG16"
            epochs = 5

            %finetune data/dogscats --epochs 3 --image-size 128

            %finetune --resume

        The folder holds one folder a class, or train/ and valid/ with one folder a class each.
        The body is Python: settings, and optionally head(features), which gets the features and
        returns the last hidden layer. Names of the notebook may be used if their values are
        plain. Stop, or the kernel's interrupt, ends at the next batch and keeps the best weights.
        With --explain on the line it trains nothing and prints the plain Keras code instead.

        A run that was interrupted goes on with --resume, and ends with exactly the numbers of one
        without a break: the newest, or the one that is named (--resume 2026-11-22_2354). It goes
        on with its own recipe, so the cell has no body.

        ::

            setting         default     meaning
            model           "VGG16"     any model of keras.applications; its own preprocessing
                                        is chosen
            weights         "imagenet"  pretrained weights: "imagenet", a file, or None for
                                        random ones
            image_size      None        pixels, height = width; None is the model's own
                                        (VGG16: 224)
            epochs          5           epochs of the head
            batch_size      "auto"      "auto" is what fits the memory for the frozen part,
                                        and 32 for the head
            learning_rate   0.001       of Adam, for the head
            dense           [256]       sizes of the hidden layers of the head; [] for none
            dropout         0.5         share dropped in the head
            pooling         "avg"       what the head sees of each feature: its mean, its
                                        maximum, or the whole map (None)
            augment         0           augmented copies of each training image
            valid           0.2         share kept for validation where the folder has no
                                        valid/
            sample          None        training images per class; None is all
            seed            42          same seed, same numbers
            patience        3           epochs without a lower val_loss before it stops
            mixed_precision "auto"      half precision for the frozen part where the processor
                                        gains from it
            max_duration    None        time after which it ends with the best weights:
                                        minutes, or "90s", "30m", "2h"
            backend         None        what computes; None is what %backend shows, "theano" is
                                        VGG16 under Keras 1
        """
        from dl_magics.actions.gpu import notebook_kernel, sync
        from dl_magics.actions.runs import finetune, runs
        from dl_magics.training import explain
        from dl_magics.training.recipe import cell_parser
        from dl_magics.training.run import Run

        if any(word.partition("=")[0] == _RESUME for word in line.split()):
            run = runs.interrupted(_named(line, cell))
            return self._watched(run, lambda stop: finetune.resume(run, stop))
        names = {**self.shell.user_ns, **(local_ns or {})}
        words = [word for word in line.split(" ") if word != _EXPLAIN]
        recipe = cell_parser.read(" ".join(words), cell, names)
        if _EXPLAIN in line.split(" "):
            print(explain.write_script(recipe))
            return None
        if notebook_kernel.is_connected() and (unlike := sync.unlike(recipe.data)):
            print(unlike)
        folder = runs.new(recipe)
        return self._watched(Run(folder), lambda stop: finetune.finetune(recipe, folder, stop))

    def _watched(self, run: Run, begin: Callable[[Stop], Generator[Event, None, None]]) -> Run:
        from dl_magics.magics import live
        from dl_magics.runs.stop_request import catch_first_interrupt

        with self._told(), catch_first_interrupt() as stop, closing(begin(stop)) as events:
            live.watch(events, live.screen_for(self.shell, self.live))
        return run

    def _told(self) -> AbstractContextManager[None]:
        """Say while a run waits for an instance that cannot be reached."""
        from dl_magics.actions.gpu import notebook_kernel
        from dl_magics.magics.link_status import told

        if not notebook_kernel.is_connected():
            return nullcontext()
        return told(self.shell, notebook_kernel.current())

    @line_magic
    def runs(self, line: str) -> Any:
        """List the runs, newest first; then those that are only where the GPU kernel is.

        ::

            %runs
            %runs dogscats
        """
        from dl_magics.actions.runs import runs

        return runs.named(line.strip())

    @magic_arguments()
    @argument("run", nargs="?", default="", help="its name or a part of it (default: the newest)")
    @line_magic
    def attach(self, line: str) -> Any:
        """Show a run again from its first event, live if it still goes on, and return it.

        The cell does not wait for the run; Stop in its picture ends the run, wherever it trains.
        A run that was begun on another computer is found where the GPU kernel is, and comes home.

        ::

            %attach
            %attach 2026-11-22_2354
        """
        from dl_magics.actions.runs import runs
        from dl_magics.magics import live
        from dl_magics.runs import log

        run = runs.find(parse_argstring(self.attach, line).run)
        goes_on = log.is_being_written(run.path)
        screen = live.screen_for(self.shell, self.live, watched=run)
        if goes_on:
            threading.Thread(target=live.attach, args=(run, screen), daemon=True).start()
        else:
            live.attach(run, screen)
        return run


def _named(line: str, cell: str) -> str:
    """Return the run that `--resume [RUN]` names, "" for the newest that was interrupted."""
    first, *words = line.replace(f"{_RESUME}=", f"{_RESUME} ").split()
    if first != _RESUME or len(words) > 1 or any(word.startswith("-") for word in words):
        raise BadSetting(
            f"--resume takes the name of one run, and stands alone: {line.strip()}",
            fix="Leave the folder and the settings out: %finetune --resume",
        )
    if cell.strip():
        raise BadSetting(
            f"--resume and a body: {cell.strip().splitlines()[0]}",
            fix="A run goes on with its own recipe, so leave the body out: %finetune --resume",
        )
    return words[0] if words else ""
