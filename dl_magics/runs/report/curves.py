"""The curves of one run: training dashed, validation with dots, the best epoch larger."""

from __future__ import annotations

from dl_magics.runs.report.chart import Line, draw_chart
from dl_magics.runs.state import RunState
from dl_magics.runs.summary import first_unfrozen


def draw_curves(state: RunState) -> str:
    """Return loss and accuracy by epoch as two pictures; "" before the first epoch."""
    return "".join(_draw_metric(state, name) for name in ("loss", "accuracy"))


def _draw_metric(state: RunState, name: str) -> str:
    best, began = state.best, first_unfrozen(state)
    lines = [
        Line(
            label,
            [(each["epoch"], each["logs"][key]) for each in state.epochs],
            key=color,
            is_dashed=not color,
            marked=best["epoch"] if best and color else None,
        )
        for label, key, color in (("train", name, 0), ("valid", f"val_{name}", 1))
    ]
    described = f"{name} of training and validation by epoch"
    if best:
        value = best["logs"][f"val_{name}"]
        described += f"; val_{name} is {value:.4f} in the best epoch, {best['epoch']}"
    return draw_chart(name, lines, described, divider=began - 0.5 if began else None)
