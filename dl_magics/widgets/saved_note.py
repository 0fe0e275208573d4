"""A line above a widget that a saved notebook shows where the widget itself cannot be shown.

A notebook is saved with the id of a widget, which JupyterLab finds only while the kernel lives and
answers; otherwise it shows “Loading widget…” or “Error displaying widget: model not found”.
"""

from __future__ import annotations

from html import escape

# JupyterLab names the type of each output but a widget, and puts a text where it has no widget.
_VIEW = ".jp-OutputArea-output:not([data-mime-type])"
_STYLE = (
    f".jp-OutputArea-child:has(.dl-saved-note) + .jp-OutputArea-child > {_VIEW}:not(:has(*)), "
    f".jp-OutputArea-child:has(.dl-saved-note):has(+ .jp-OutputArea-child > {_VIEW} *) "
    "{ display: none }"
)


def build_note(text: str, command: str) -> dict[str, str]:
    """Return a MIME bundle that names what to run: hidden in JupyterLab while the widget is shown.

    It must be displayed directly before the widget.
    """
    return {
        "text/plain": f"{text} {command}",
        "text/html": f"<style>{_STYLE}</style><div class='dl-saved-note'>{escape(text)} "
        f"<code>{escape(command)}</code></div>",
    }


def build_fallback(text: str, html: str) -> dict[str, str]:
    """Return a MIME bundle that is shown where the widget cannot be, as by `build_note`."""
    return {
        "text/plain": text,
        "text/html": f"<style>{_STYLE}</style><div class='dl-saved-note'>{html}</div>",
    }
