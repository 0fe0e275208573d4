"""`report.html`: one page about a run that opens without a server, a network or scripts.

All of it is of the events and the evaluations of the run; their values are shown as text.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from dl_magics.errors import DamagedRun
from dl_magics.runs import evaluation, summary, tag
from dl_magics.runs.evaluation import Evaluation
from dl_magics.runs.report import curves, examples, results
from dl_magics.runs.report.use import describe_use
from dl_magics.runs.state import RunState
from dl_magics.store import atomic
from dl_magics.text import escape_controls

FILE_NAME = "report.html"

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="color-scheme" content="light dark">
<meta name="viewport" content="width=device-width">
<style>{style}</style></head>
<body><main>
<h1>{name}</h1>
{tag}{body}
</main></body></html>
"""
# The functions of the cell, and the values that they use.
_FUNCTIONS = ("head", "augment_function")
_NAMES = ("head_names", "augment_names")
_ADD_RESULTS = "run.report() adds what the model says of the validation images."


def write_report(folder: Path, state: RunState) -> Path:
    """Write the report of a run into its folder and return its path."""
    note = tag.read_tag(folder)
    found = [each for split in ("test", "valid") if (each := _read(folder, split))]
    parts = [
        summary.render_html(state, b""),
        f'<div class="side">{curves.draw_curves(state)}</div>',
        *map(results.draw_result, found),
        *(_draw_errors(folder, each) for each in found if each.split == "valid"),
        "" if found or not state.files else f"<p>{_ADD_RESULTS}</p>",
        _draw_images(state),
        _draw_values("Recipe", state.recipe),
        _draw_functions(state),
        f"<h2>Computer</h2><p>{_text(summary.describe_host(state))}</p>",
        _draw_values("Versions", {**state.versions, "device": state.device}),
        describe_use(state),
        _describe_day(state),
    ]
    page = _PAGE.format(
        title=_text(state.run or "Run"),
        style=_load_style(),
        name=_text(summary.name_subject(state)),
        tag=f'<p class="tag">{_text(note)}</p>' if note else "",
        body="\n".join(each for each in parts if each),
    )
    return atomic.replace(folder / FILE_NAME, page)


def _read(folder: Path, split: str) -> Evaluation | None:
    with suppress(DamagedRun):  # the report is written at the end of each run
        return evaluation.read_evaluation(folder, split)
    return None


def _draw_errors(folder: Path, found: Evaluation) -> str:
    chosen = examples.choose_examples(found)
    if not chosen:
        return ""
    pictures = examples.read_pictures(folder)
    return (
        "<h2>The most confident errors</h2>"
        f'<div class="gallery">{examples.draw_examples(chosen, pictures)}</div>'
    )


def _draw_images(state: RunState) -> str:
    if not state.classes:
        return ""
    rows = "".join(
        f"<tr><td>{_text(name)}</td>"
        + "".join(f"<td>{state.counts[part].get(name, 0):,}</td>" for part in ("train", "valid"))
        + "</tr>"
        for name in state.classes
    )
    digests = "".join(
        f"<br><small>{_text(part)} sha256 <code>{_text(digest)}</code></small>"
        for part, digest in state.digests.items()
    )
    return (
        f"<h2>Images</h2><p><code>{_text(state.recipe.get('data', ''))}</code>{digests}</p>"
        '<div class="scroll"><table><thead><tr><th scope="col">class</th><th scope="col">train</th>'
        f'<th scope="col">valid</th></tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _draw_values(title: str, values: Mapping[str, Any]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{_text(name)}</th><td><code>{_text(_format(value))}</code></td></tr>'
        for name, value in values.items()
        if name not in _FUNCTIONS and (name not in _NAMES or value)
    )
    return f'<h2>{title}</h2><table class="values"><tbody>{rows}</tbody></table>'


def _draw_functions(state: RunState) -> str:
    sources = [state.recipe.get(name) for name in _FUNCTIONS]
    return "".join(f"<pre>{_text(source)}</pre>" for source in sources if source)


def _format(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return str(value)  # as in a cell
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _describe_day(state: RunState) -> str:
    if not state.started_at:
        return ""
    day = time.strftime("%Y-%m-%d %H:%M %Z", time.localtime(state.started_at))
    return f"<footer>{_text(state.run)} · began {_text(day)}</footer>"


def _load_style() -> str:
    return resources.files(__package__).joinpath("style.css").read_text("utf-8")


def _text(value: object) -> str:
    return escape(escape_controls(str(value), keep="\n"))
