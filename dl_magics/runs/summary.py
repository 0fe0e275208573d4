"""A static summary of a run: curves as PNG, an HTML table, and text.

Every value of an event is text: its HTML is escaped, and its control characters are.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape
from importlib.util import find_spec
from typing import Any

from dl_magics.runs.field_rules import BALANCED_ACCURACY, METRICS, Phase
from dl_magics.runs.state import RunState
from dl_magics.text import escape_controls, wrap_html

# Readable on a white and on a black background; near those of dl_magics/widgets/browser/base.css.
_TRAIN, _VALID, _INK = "#6b7f99", "#d4620a", "#808080"
_MOST_DOTS = 40
UNFROZEN: Phase = "unfrozen"
_MOST_ROWS = 10
_BALANCED = f"val_{BALANCED_ACCURACY}"
_STATUS = {
    "done": "done",
    "stopped": "stopped, best weights kept",
    "failed": "failed",
    "interrupted": "interrupted",
    "running": "running",
}


def mime_bundle(state: RunState) -> dict[str, str]:
    """Return a MIME bundle that a saved notebook, GitHub and nbconvert can show."""
    shown = {"text/plain": render_text(state)}
    picture = draw_curves(state) if state.epochs else b""
    shown["text/html"] = render_html(state, picture)
    if picture:
        shown["image/png"] = base64.b64encode(picture).decode("ascii")
    return shown


def headline(state: RunState) -> str:
    """Return the run in one line: `VGG16 on dogscats: val_accuracy 0.975, epoch 3 of 5, done`."""
    line, best = name_subject(state), state.best
    if best:
        logs = best["logs"]
        balanced = f"{_BALANCED} {logs[_BALANCED]:.3f}, " if _BALANCED in logs else ""
        line += f": val_accuracy {logs['val_accuracy']:.3f}, {balanced}"
        line += f"val_loss {logs['val_loss']:.3f}"
        line += f", epoch {best['epoch']} of {len(state.epochs)}"
    return escape_controls(f"{line} · {describe_status(state)}")


def name_subject(state: RunState) -> str:
    """Return what is trained on what: `VGG16 on dogscats`."""
    data = str(state.recipe.get("data", "")).replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    return f"{state.recipe.get('model', 'Run')} on {data}" if data else state.run or "Run"


def describe_status(state: RunState) -> str:
    """Return the status of a run in words."""
    if state.status == "failed" and not state.started_at:
        return f"did not start on {describe_host(state)}"
    if state.status == "stopped" and not state.files:
        return "stopped before there were weights to keep"
    return _STATUS.get(state.status, "starting")


def describe_host(state: RunState) -> str:
    """Return where a run trains: `gpu (g4dn.xlarge)`, `this computer`."""
    name = str(state.host.get("name", "this computer"))
    return f"{name} ({state.host['type']})" if state.host.get("type") else name


def format_progress(state: RunState) -> str:
    """Return how far it is: `features: 320 of 1,119 images, 21.5 images/s, 37 s left`."""
    if not state.phase:
        return "starting"
    if copying := describe_copying(state):
        return copying
    line = f"{state.phase}: {state.done:,} of {state.total:,} {state.unit}"
    if state.seconds_left:
        line += f", {state.images_per_second:.1f} images/s, {state.seconds_left:,.0f} s left"
    return line


def describe_copying(state: RunState) -> str:
    """Return what follows the end of a run on a host; "" where nothing has to be copied.

    `copying 61.3 MB of results from gpu, then checking them`
    """
    if not (state.ended and state.files) or state.host.get("local", "name" not in state.host):
        return ""
    size = sum(state.sizes.get(name, 0) for name in state.files)
    results = f"{size / 1e6:,.1f} MB of results" if size else "the results"
    return f"copying {results} from {state.host.get('name')}, then checking them"


def format_epoch(each: Mapping[str, Any]) -> str:
    """Return the metrics of one epoch in one line."""
    logs = each["logs"]
    unfrozen = " unfrozen" if each["phase"] == UNFROZEN else ""
    return (
        f"epoch {each['epoch']}{unfrozen}: loss {logs['loss']:.4f}, "
        f"accuracy {logs['accuracy']:.4f}, val_loss {logs['val_loss']:.4f}, "
        f"val_accuracy {logs['val_accuracy']:.4f}"
        + (f", {_BALANCED} {logs[_BALANCED]:.4f}" if _BALANCED in logs else "")
        + (" (best)" if each["best"] else "")
    )


def format_resumptions(state: RunState) -> list[str]:
    """Return a line for each time that the run was resumed."""
    return [f"Interrupted and resumed {_find_place(each)}." for each in state.resumed]


def _find_place(resumption: Mapping[str, int]) -> str:
    if resumption["batches"]:
        return f"in epoch {resumption['epoch']}"
    before = resumption["epoch"] - 1
    return f"after epoch {before}" if before else "before the first epoch"


def render_text(state: RunState) -> str:
    """Return the headline, the epochs, skipped files, warnings and the error as text."""
    lines = [headline(state)]
    lines += [format_epoch(each) for each in state.epochs]
    if state.started_at and state.seconds:
        lines.append(_seconds(state))
    if state.ended and state.dollars is not None:
        lines.append(_cost(state))
    lines += format_resumptions(state)
    lines += [f"skipped {each['path']}: {each['reason']}" for each in state.skipped]
    lines += [f"! {each['text']} {each['fix']}" for each in state.warnings]
    if state.error:
        lines += [state.error, f"  {state.fix}"]
    return "\n".join(map(escape_controls, lines))


def render_html(state: RunState, picture: bytes) -> str:
    """Return the same as HTML without style sheets and scripts; `picture` is a PNG or empty."""
    parts = [f"<p><b>{_text(headline(state))}</b></p>"]
    if picture:
        source = base64.b64encode(picture).decode("ascii")
        parts.append(
            f'<img width="640" alt="Loss and accuracy by epoch" '
            f'src="data:image/png;base64,{source}">'
        )
    if state.epochs:
        parts.append(_table(state))
    if state.started_at and state.seconds:
        parts.append(f"<p>{_text(_seconds(state))}</p>")
    if state.ended and state.dollars is not None:
        parts.append(f"<p>{_text(_cost(state))}</p>")
    parts += [f"<p>{_text(each)}</p>" for each in format_resumptions(state)]
    if state.skipped:
        rows = "".join(
            f"<li><code>{_text(each['path'])}</code>: {_text(each['reason'])}</li>"
            for each in state.skipped
        )
        summary = f"{len(state.skipped):,} file{'s' * (len(state.skipped) > 1)} skipped"
        parts.append(f"<details><summary>{summary}</summary><ul>{rows}</ul></details>")
    parts += [f"<p>⚠ {_text(each['text'])} {_text(each['fix'])}</p>" for each in state.warnings]
    if state.error:
        parts.append(f"<p>{_text(state.error)}<br>{_text(state.fix)}</p>")
    return wrap_html("\n".join(parts))


def draw_curves(state: RunState) -> bytes:
    """Return a PNG, 768 × 288 pixels, of loss and accuracy by epoch on a transparent background.

    It is empty if matplotlib is not installed, as on some instances.
    """
    if not find_spec("matplotlib"):
        return b""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(6.4, 2.4), dpi=120)
    figure.subplots_adjust(left=0.07, right=0.99, bottom=0.2, top=0.96, wspace=0.16)
    figure.patch.set_alpha(0)
    epochs = [each["epoch"] for each in state.epochs]
    best = state.best
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for key, colour in ((name, _TRAIN), (f"val_{name}", _VALID)):
            values = [each["logs"][key] for each in state.epochs]
            marker = "o" if len(epochs) <= _MOST_DOTS else ""
            axes.plot(epochs, values, color=colour, marker=marker, markersize=3, label=key)
        if (began := first_unfrozen(state)) and began > 1:
            axes.axvline(began - 0.5, color=_INK, linewidth=1, linestyle=":")
        if best:
            axes.plot(best["epoch"], best["logs"][f"val_{name}"], "o", color=_VALID, markersize=7)
        axes.patch.set_alpha(0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set_xlabel("epoch", color=_INK)
        axes.tick_params(colors=_INK, labelsize=8)
        for spine in axes.spines.values():
            spine.set_color(_INK)
        axes.legend(frameon=False, labelcolor=_INK, fontsize=8)
    file = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(file, format="png")
    return file.getvalue()


def first_unfrozen(state: RunState) -> int | None:
    """Return the first epoch in which layers of the network were trained, None without one."""
    return next((each["epoch"] for each in state.epochs if each["phase"] == UNFROZEN), None)


def _table(state: RunState) -> str:
    best = state.best
    if len(state.epochs) <= _MOST_ROWS:
        return _rows(state.epochs, best)
    few = [each for each in state.epochs if each is best or each is state.epochs[-1]]
    return (
        f"{_rows(few, best)}<details><summary>all {len(state.epochs):,} epochs</summary>"
        f"{_rows(state.epochs, best)}</details>"
    )


def _rows(epochs: Sequence[Mapping[str, Any]], best: Mapping[str, Any] | None) -> str:
    names = (*METRICS, *([_BALANCED] if all(_BALANCED in each["logs"] for each in epochs) else []))
    head = "".join(f"<th>{name}</th>" for name in ("epoch", *names))
    rows = ""
    for each in epochs:
        cells = "".join(f"<td>{each['logs'][name]:.4f}</td>" for name in names)
        mark = "★ " if each is best else ""
        unfrozen = " unfrozen" if each["phase"] == UNFROZEN else ""
        rows += f"<tr><td>{mark}{_text(each['epoch'])}{unfrozen}</td>{cells}</tr>"
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div style="overflow-x: auto">{table}</div>'


def _text(value: object) -> str:
    """Return a value of an event as text of an HTML page."""
    return escape(escape_controls(str(value)))


def _seconds(state: RunState) -> str:
    phases = ", ".join(f"{phase} {value:.1f} s" for phase, value in state.seconds.items())
    return f"{sum(state.seconds.values()):.1f} s on {state.device}: {phases}"


def _cost(state: RunState) -> str:
    day = f" by the price of {state.price_day}" if state.price_day else ""
    return f"cost: ${state.dollars or 0:.4f} on {state.host.get('name', 'its instance')}{day}"
