"""A button that restarts the kernel."""

from __future__ import annotations

from collections.abc import Callable

from ipywidgets import Button, Layout


def button(restart: Callable[[], object]) -> Button:
    """Return a button; Jupyter starts the kernel anew after it ended by itself."""
    made = Button(
        description="Restart the kernel (its variables are lost)",
        layout=Layout(width="auto"),
        icon="refresh",
    )
    made.on_click(lambda _: restart())
    return made
