"""Tab completion for `%%finetune`: the settings in the body, the same as flags on the line."""

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
