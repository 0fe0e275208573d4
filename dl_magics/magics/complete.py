"""Tab completion of settings, options and kinds, and of names in the GPU kernel."""

from __future__ import annotations

import re
from collections.abc import Iterable

from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)


@context_matcher()
def complete_finetune(context: CompletionContext) -> SimpleMatcherResult:
    """Complete a setting at the start of a body line, an option, or the run after --resume."""
    return {"completions": [SimpleCompletion(text=name) for name in _finetune_words(context)]}


def _finetune_words(context: CompletionContext) -> list[str]:
    lines = context.full_text.splitlines()
    if not lines or not re.match(r"\s*%?%finetune\b", lines[0]):
        return []
    from dl_magics.training.recipe.settings import SETTINGS

    before = lines[context.cursor_line][: context.cursor_position]
    if context.cursor_line:
        written = re.fullmatch(r"\s*(\w*)", before)
        names = [f"{name} = " for name in SETTINGS]
    elif written := re.search(r"\s--resume[ =](\S*)$", before):
        from dl_magics.actions.runs import runs

        names = runs.list_resumable_names()
    else:
        written = re.search(r"\s(-[-\w]*)$", before)
        from dl_magics.actions.runs.trackers import options

        taken = (*SETTINGS, "resume", *options.KINDS)
        names = [f"--{name.replace('_', '-')} " for name in taken] + ["--explain"]
    if not written:
        return []
    return _continue_token(context, written[1], names)


@context_matcher()
def complete_gpu_cell(context: CompletionContext) -> SimpleMatcherResult:
    """Complete names in a `%%gpu` cell by asking the GPU kernel, if it is idle."""
    first, _, body = context.full_text.partition("\n")
    if not re.match(r"\s*%%gpu\b", first) or not context.cursor_line:
        return {"completions": []}
    from dl_magics.actions.gpu import notebook_kernel
    from dl_magics.errors import DLMagicsError

    lines = body.split("\n")[: context.cursor_line]
    before = "\n".join([*lines[:-1], lines[-1][: context.cursor_position]])
    try:
        names, start = notebook_kernel.complete(body, len(before))
    except DLMagicsError:
        return {"completions": []}
    # IPython replaces its own token: "np.li" as a whole, or only what follows a bracket.
    known = before[start:]
    ahead = context.token[: len(context.token) - len(known)] if known else context.token
    return {"completions": [SimpleCompletion(text=ahead + name) for name in names]}


@context_matcher()
def complete_keras_settings(context: CompletionContext) -> SimpleMatcherResult:
    """Complete the arguments of `%backend` and `%device`."""
    before = _read_line(context)
    written = re.match(r"\s*%?(backend|device)\s(?:.*\s)?(\S*)$", before)
    if not written:
        return {"completions": []}
    magic, word = written.groups()
    previous = before.split()[-2 if word else -1]
    return _complete(context, word, _VALUES.get(previous, OPTIONS[magic]))


@context_matcher()
def complete_data(context: CompletionContext) -> SimpleMatcherResult:
    """Complete the options of the magics for data, the kinds after --fix, runs after --run."""
    before = _read_line(context)
    written = re.match(r"\s*%?(check_data|clean_images|split_data)\s(?:.*\s)?(\S*)$", before)
    if not written:
        return {"completions": []}
    magic, word = written.groups()
    names: Iterable[str] = ()
    if word.startswith("-"):
        names = OPTIONS[magic]
    elif re.search(r"\s--fix(\s+[a-z_]+)*\s+[a-z_]*$", before):
        from dl_magics.data.quality.findings import KINDS

        names = KINDS
    elif before[: len(before) - len(word)].endswith("--run "):
        names = _list_runs()
    return _complete(context, word, names)


@context_matcher()
def complete_runs(context: CompletionContext) -> SimpleMatcherResult:
    """Complete the names of runs, and the options of `%runs`."""
    before = _read_line(context)
    written = re.match(r"\s*%?(runs|attach|lr_find)\s(?:.*\s)?(\S*)$", before)
    if not written:
        return {"completions": []}
    magic, word = written.groups()
    if word.startswith("-"):
        names: Iterable[str] = OPTIONS[magic]
    else:
        names = _list_runs()
    return _complete(context, word, names)


@context_matcher()
def complete_results(context: CompletionContext) -> SimpleMatcherResult:
    """Complete the options of the magics for results, the run after --run and the part of images.

    A path is left to IPython.
    """
    before = _read_line(context)
    written = re.match(r"\s*(?:\w+\s*=\s*)?%?(\w+)\s(?:.*\s)?(\S*)$", before)
    if not written or written[1] not in RESULTS:
        return {"completions": []}
    magic, word = written.groups()
    option = re.search(r"\s(--\w+)[ =](\S*)$", before)
    names: Iterable[str] = ()
    if option and option[1] == "--run":
        from dl_magics.actions.results import place

        word, names = option[2], place.list_names()
    elif option and option[1] in _VALUES:
        word, names = option[2], _VALUES[option[1]]
    elif word.startswith("-"):
        names = RESULTS[magic]
    return _complete(context, word, names)


def _read_line(context: CompletionContext) -> str:
    """Return the line of the cursor up to it."""
    return context.full_text.split("\n")[context.cursor_line][: context.cursor_position]


def _complete(
    context: CompletionContext, written: str, names: Iterable[str]
) -> SimpleMatcherResult:
    words = _continue_token(context, written, names)
    return {"completions": [SimpleCompletion(text=each) for each in words]}


def _list_runs() -> list[str]:
    from dl_magics.actions.runs import overview

    return [folder.name for folder in overview.list_folders(_MOST_RUNS)]


def _continue_token(context: CompletionContext, written: str, names: Iterable[str]) -> list[str]:
    """Return the names that start with what is written, as replacements of IPython's token."""
    # The token may start after the dashes of an option.
    skipped = len(written) - len(context.token)
    return [name[skipped:] for name in names if name.startswith(written)]


_MOST_RUNS = 500
_PLACES = ("--undo", "--here", "--there")
OPTIONS = {
    "backend": (
        *("tensorflow", "tf", "jax", "torch", "theano"),
        *("--image-data-format", "--floatx", "--epsilon", "--setup", "--explain", *_PLACES),
    ),
    "device": ("gpu", "cpu", "--explain", *_PLACES),
    "check_data": ("--labels", "--fix", "--put-back", "--here", "--yes", "--explain"),
    "clean_images": ("--run", "--split", "--here", "--explain"),
    "split_data": (
        *("--valid", "--test", "--sample", "--to", "--seed", "--group", "--no-near", "--list"),
        *("--column", "--copy", "--dry-run", "--undo", "--here", "--explain"),
    ),
    "runs": (
        *("--compare", "--tag", "--export", "--delete", "--yes", "--explain"),
        *("--tensorboard", "--mlflow", "--wandb", "--trackio"),
    ),
    "attach": ("--stop", "--explain"),
    "lr_find": ("--explain",),
}
"""The options of each other magic, and the words that it takes."""

_VALUES = {
    "--split": ("valid", "test", "train"),
    "--image-data-format": ("channels_last", "channels_first", "tf", "th"),
    "--floatx": ("float16", "float32", "float64"),
}

RESULTS = {
    **dict.fromkeys(
        ("confusion", "most_confused", "top_losses"), ("--run", "--split", "--data", "--explain")
    ),
    "predict": ("--run", "--csv", "--force", "--here", "--explain"),
    "bias_report": ("--run", "--split", "--data", "--group", "--images", "--explain"),
}
"""The options of each magic that looks at a run."""

MATCHERS = (
    complete_results,
    complete_finetune,
    complete_keras_settings,
    complete_data,
    complete_runs,
    complete_gpu_cell,
)
