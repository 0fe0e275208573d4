"""A button that restarts the kernel."""

from __future__ import annotations

from collections.abc import Callable

from ipywidgets import Button, Layout


def create_button(restart: Callable[[], object]) -> Button:
    """Return a button that calls `restart`."""
    widget = Button(
        description="Restart the kernel (its variables are lost)",
        layout=Layout(width="auto"),
        icon="refresh",
    )
    widget.on_click(lambda _: restart())
    return widget
