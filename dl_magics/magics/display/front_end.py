"""What shows the output of the running cell: a notebook, a Jupyter server, or a program of text.

JupyterLab, Notebook and VS Code show widgets. A terminal, a console and what executes notebooks
(nbclient, papermill, nbconvert) do not.
"""

from __future__ import annotations

import os
import re
from pathlib import PurePath
from typing import Any, Literal

Live = Literal["auto", "widget", "plain", "lines"]
"""How a run is shown while it trains."""

_COLUMNS_OF_ERRORS = 76
# Set by a Jupyter server.
_NOTEBOOK = "JPY_SESSION_NAME"

# jupyter_client numbers its requests behind the id of its process, the front ends in a browser use
# random ids. Consoles and what executes notebooks are made with jupyter_client.
_PYTHON_CLIENT = re.compile(r"_\d+_\d+")


def get_request(shell: Any) -> dict[str, Any]:
    """Return the execute_request of the running cell; {} outside a kernel."""
    kernel = getattr(shell, "kernel", None)
    return dict(kernel.get_parent() or {}) if kernel is not None else {}


def find_cell(shell: Any) -> str:
    """Return the id of the request that runs the cell."""
    return str(get_request(shell).get("header", {}).get("msg_id", ""))


def server_runs_cells(shell: Any) -> bool:
    """Whether the Jupyter server runs the cells and writes their output into the notebook.

    Such a server accepts no input. Neither does nbclient, but it replaces updatable displays, and
    no server started its kernel.
    """
    content = get_request(shell).get("content", {})
    return _NOTEBOOK in os.environ and content.get("allow_stdin") is False


def get_notebook_name() -> str:
    """Return the file name of the notebook for which a Jupyter server started this kernel."""
    return PurePath(os.environ.get(_NOTEBOOK, "")).name


def is_console(shell: Any) -> bool:
    """Whether a program of text shows the cell and accepts input, such as `jupyter console`.

    It shows no update of a display.
    """
    allows_input = get_request(shell).get("content", {}).get("allow_stdin") is not False
    return allows_input and not shows_widgets(shell)


def shows_widgets(shell: Any) -> bool:
    """Whether widgets are shown: in a kernel whose front end is a web page.

    Where the Jupyter server runs the cells, front ends may not show them.
    """
    if getattr(shell, "kernel", None) is None or server_runs_cells(shell):
        return False
    return not _PYTHON_CLIENT.search(find_cell(shell))


def count_columns(shell: Any) -> int:
    """Return after how many columns the lines of an error are broken; 0 where that is not needed.

    A page breaks them anywhere, also inside a word. So many columns fit beside a sidebar.
    """
    return _COLUMNS_OF_ERRORS if shows_widgets(shell) else 0
