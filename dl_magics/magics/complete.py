"""Tab completion: the settings of `%%finetune`, in its body and as flags; words of `%backend`."""

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
    """Complete the name of a setting at the beginning of a line of the body, or a flag."""
    return {"completions": [SimpleCompletion(text=name) for name in _fitting(context)]}


def _fitting(context: CompletionContext) -> list[str]:
    lines = context.full_text.splitlines()
    if not lines or not re.match(r"\s*%?%finetune\b", lines[0]):
        return []
    from dl_magics.training.recipe import SETTINGS

    before = lines[context.cursor_line][: context.cursor_position]
    if context.cursor_line:
        written = re.fullmatch(r"\s*(\w*)", before)
        names = [f"{name} = " for name in SETTINGS]
    else:
        written = re.search(r"\s(-[-\w]*)$", before)
        names = [f"--{name.replace('_', '-')} " for name in SETTINGS]
    if not written:
        return []
    # What IPython replaces is its own token, which may begin behind the dashes.
    known = len(written[1]) - len(context.token)
    return [name[known:] for name in names if name.startswith(written[1])]


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

MATCHERS = (finetune_settings, keras_words)
