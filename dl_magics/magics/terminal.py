"""A terminal on the instance, in the JupyterLab that this notebook is open in."""

from __future__ import annotations

import http.client
import json
import os
import shlex
import urllib.request
from dataclasses import dataclass
from html import escape
from pathlib import Path

from jupyter_core.paths import jupyter_runtime_dir

from dl_magics.actions.aws import access
from dl_magics.actions.aws.context import Context
from dl_magics.core.instance import Instance
from dl_magics.text import wrap_html

_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Terminal:
    """The ssh command and the name of the Jupyter server's terminal that runs it."""

    command: str
    label: str
    name: str

    def __repr__(self) -> str:
        return self.command

    def _repr_html_(self) -> str:
        # JupyterLab runs the command that a clicked element names: CommandLinker in its docs.
        which = escape(json.dumps({"name": self.name}))
        return wrap_html(
            f'<button class="jp-mod-styled jp-mod-accept" data-commandlinker-command='
            f'"terminal:open" data-commandlinker-args="{which}">Terminal on {escape(self.label)}'
            f"</button><p>Anywhere else: <code>{escape(self.command)}</code></p>"
        )


def open_terminal(context: Context, instance: Instance) -> Terminal | None:
    """Have the Jupyter server of this kernel run ssh in a terminal; None without a server.

    The terminal closes when the ssh session ends.
    """
    words = access.resolve_target(context, instance).command_line()
    server = _server()
    if server is None:
        return None
    try:
        name = _new(server, words)
    except (OSError, http.client.HTTPException, ValueError):
        return None
    return Terminal(shlex.join(words), instance.name, name)


def _server() -> dict[str, str] | None:
    """Return the runtime file of the Jupyter server that started this kernel."""
    pid = os.environ.get("JPY_PARENT_PID", "")
    file = Path(jupyter_runtime_dir()) / f"jpserver-{pid}.json"
    try:
        info: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return info if info.get("url", "").startswith(("http://", "https://")) else None


def _new(server: dict[str, str], words: list[str]) -> str:
    request = urllib.request.Request(
        f"{server['url']}api/terminals",
        data=json.dumps({"shell_command": words}).encode(),
        headers={"Authorization": f"token {server.get('token', '')}"},
        method="POST",
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=_SECONDS) as answer:
        return str(json.load(answer)["name"])
