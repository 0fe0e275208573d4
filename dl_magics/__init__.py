"""Rent a GPU, connect a notebook to it, fine-tune a pretrained image model, stop paying."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dl_magics.version import __version__

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["__version__", "load_ipython_extension", "unload_ipython_extension"]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Return the server extension; Jupyter server calls this, a kernel never does."""
    from dl_magics.server.app import DLMagicsApp

    return [{"module": "dl_magics", "app": DLMagicsApp}]


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magics; IPython calls this for `%load_ext dl_magics`."""
    from dl_magics import magics

    magics.register_all(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Remove the magics; IPython calls this for `%unload_ext dl_magics`."""
    from dl_magics import magics

    magics.unregister_all(shell)
