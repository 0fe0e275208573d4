"""Tab completion: what `%%finetune` and `%backend` take, and names of the GPU kernel."""

from __future__ import annotations

import re

from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)


@context_matcher()
def finetune_settings(context: CompletionContext) -> SimpleMatcherResult:
    """Complete a setting at the beginning of a line of the body, a flag, or the name of a run."""
    return {"completions": [SimpleCompletion(text=name) for name in _fitting(context)]}


def _resumable() -> list[str]:
    from dl_magics.actions.runs import runs

    return [run.name for run in runs.resumable()]


def _fitting(context: CompletionContext) -> list[str]:
    lines = context.full_text.splitlines()
    if not lines or not re.match(r"\s*%?%finetune\b", lines[0]):
        return []
    from dl_magics.training.recipe.recipe import SETTINGS

    before = lines[context.cursor_line][: context.cursor_position]
    if context.cursor_line:
        written = re.fullmatch(r"\s*(\w*)", before)
        names = [f"{name} = " for name in SETTINGS]
    elif written := re.search(r"\s--resume[ =](\S*)$", before):
        names = _resumable()
    else:
        written = re.search(r"\s(-[-\w]*)$", before)
        names = [f"--{name.replace('_', '-')} " for name in (*SETTINGS, "resume")] + ["--explain"]
    if not written:
        return []
    # What IPython replaces is its own token, which may begin behind the dashes.
    known = len(written[1]) - len(context.token)
    return [name[known:] for name in names if name.startswith(written[1])]


@context_matcher()
def gpu_names(context: CompletionContext) -> SimpleMatcherResult:
    """Complete what a `%%gpu` cell names by asking the GPU kernel, where it answers at once."""
    first, _, body = context.full_text.partition("\n")
    if not re.match(r"\s*%%gpu\b", first) or not context.cursor_line:
        return {"completions": []}
    from dl_magics.actions.gpu import notebook_kernel
    from dl_magics.errors import DLMagicsError

    lines = body.split("\n")[: context.cursor_line]
    before = "\n".join([*lines[:-1], lines[-1][: context.cursor_position]])
    try:
        names, start = notebook_kernel.completions(body, len(before))
    except DLMagicsError:
        return {"completions": []}
    # What IPython replaces is its own token: "np.li" as a whole, or just what follows a bracket.
    known = before[start:]
    ahead = context.token[: len(context.token) - len(known)] if known else context.token
    return {"completions": [SimpleCompletion(text=ahead + name) for name in names]}


@context_matcher()
def keras_words(context: CompletionContext) -> SimpleMatcherResult:
    """Complete what `%backend` and `%device` take."""
    line = context.full_text.splitlines()[context.cursor_line] if context.full_text else ""
    said = re.match(r"\s*%?(backend|device)\s(?:.*\s)?(\S*)$", line[: context.cursor_position])
    if not said:
        return {"completions": []}
    before = line[: context.cursor_position].split()
    last = before[-2 if said[2] else -1]
    fitting = [word for word in _WORDS.get(last, _WORDS[said[1]]) if word.startswith(said[2])]
    # What IPython replaces is its own token, which may begin behind the dashes.
    known = len(said[2]) - len(context.token)
    return {"completions": [SimpleCompletion(text=word[known:]) for word in fitting]}


_PLACES = ("--undo", "--here", "--there")
_WORDS = {
    "backend": (
        *("tensorflow", "tf", "jax", "torch", "theano"),
        *("--image-data-format", "--floatx", "--epsilon", "--setup", "--explain", *_PLACES),
    ),
    "device": ("gpu", "cpu", *_PLACES),
    "--image-data-format": ("channels_last", "channels_first", "tf", "th"),
    "--floatx": ("float16", "float32", "float64"),
}

MATCHERS = (finetune_settings, keras_words, gpu_names)
