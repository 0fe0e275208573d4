"""The host's own Jupyter through the SSH connection; it listens on a Unix socket, not a port.

The browser opens it at a name of its own below `localhost`, which browsers resolve to the loopback
address. Cookies know host names but no ports: at 127.0.0.1 the browser would send those of this
computer's own Jupyter to the host, and share them among all hosts.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import shlex
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from html import escape
from pathlib import Path

from dl_magics.actions.gpu.notebook_kernel import NotebookKernel
from dl_magics.errors import CommandFailed, NoAnswer
from dl_magics.ssh import blocking, port_forward
from dl_magics.store import lock, paths
from dl_magics.text import wrap_html

_SECONDS = 60.0
_FORBIDDEN = 403
_NO_LABEL = re.compile("[^a-z0-9-]+")
_LABEL_CHARACTERS = 40
# The last word of its output is the path of the socket; shell startup files may print before it.
_START = """
cd "$HOME" && mkdir -p -m 700 .dlm && chmod 700 .dlm || exit 1
# A socket address has at most 107 bytes.
folder="$HOME/.dlm"
if [ "${{#folder}}" -gt 90 ]; then
  folder="/tmp/dlm-$(printf %s "$HOME" | cksum | cut -d ' ' -f 1)"
  mkdir -p -m 700 "$folder" && [ -O "$folder" ] && [ ! -L "$folder" ] || exit 1
fi
socket="$folder/jupyter.sock"
{activate}
for app in jupyterlab notebook jupyter_server none; do
  {python} -c "import importlib.util as u, sys; sys.exit(u.find_spec('$app') is None)" && break
done
[ "$app" = none ] && exit 3
if ! {python} -c "import socket; socket.socket(socket.AF_UNIX).connect('$socket')" 2>/dev/null
then
  rm -f "$socket"
  IFS= read -r JUPYTER_TOKEN && export JUPYTER_TOKEN
  setsid nohup {python} -m "$app" --no-browser --allow-root --ServerApp.sock="$socket" \
    --ServerApp.sock_mode=0600 --ServerApp.root_dir="$HOME" \
    --ServerApp.local_hostnames={hostname} >.dlm/jupyter.log 2>&1 </dev/null &
fi
echo "$socket"
"""


@dataclass(frozen=True, slots=True)
class OpenedJupyter:
    """The local URL of the host's Jupyter; opening `file` in a browser logs in."""

    name: str
    url: str
    file: Path

    def __repr__(self) -> str:
        return f"Jupyter on {self.name}: {self.url} — open {self.file} in your browser to log in"

    def _repr_html_(self) -> str:
        return wrap_html(
            f"<p>Jupyter on {escape(self.name)}: {escape(self.url)} — open "
            f"<code>{escape(str(self.file))}</code> in your browser to log in</p>"
        )


def open_jupyter(kernel: NotebookKernel) -> OpenedJupyter:
    """Start the host's Jupyter if it is not running, and forward a local port to it.

    The token is stored in a private file, never in a notebook.
    """
    login = kernel.host.resolve_target()
    token = _token(login.alias)
    hostname = local_hostname(login.alias)
    command = build_start_command(kernel.python, kernel.activate, hostname)
    done = blocking.run_command(login, command, stdin=f"{token}\n")
    if done.code == 3:
        raise CommandFailed(
            f"{kernel.environment} on {kernel.host.name} has no Jupyter.",
            fix=f"%aws_ssh {kernel.python} -m pip install jupyterlab",
        )
    if done.code:
        raise CommandFailed(
            f"Jupyter did not start on {kernel.host.name}: {done!r:.300}",
            fix="%aws_ssh tail .dlm/jupyter.log",
        )
    port = blocking.wait_for(port_forward.forward_to_socket(login, done.stdout.split()[-1]))
    url = f"http://{hostname}:{port}/"
    _wait_until_it_answers(hostname, port, kernel)
    file = paths.data_folder("open") / f"{hostname}.html"
    paths.replace_file(file, f'<meta http-equiv="refresh" content="0; url={url}?token={token}">\n')
    return OpenedJupyter(kernel.host.name, url, file)


def build_start_command(python: str, activate: str, hostname: str) -> str:
    """Return the command that starts Jupyter on a host, unless it runs, and prints its socket.

    It reads the token from its standard input.
    """
    command = _START.format(activate=activate, python=shlex.quote(python), hostname=hostname)
    return f"exec sh -c {shlex.quote(command)}"


def token_file(alias: str) -> Path:
    """Return the private file with the token for the Jupyter of a host."""
    return paths.data_folder("keys") / f"jupyter-{local_hostname(alias)}"


def local_hostname(alias: str) -> str:
    """Return the name below `localhost` for a host: `i-0123456789abcdef0.localhost`."""
    label = _NO_LABEL.sub("-", alias.lower()).strip("-")[:_LABEL_CHARACTERS]
    if label != alias:
        # Two hosts never share a name, and with it their cookies.
        label = f"{label}-{hashlib.sha256(alias.encode()).hexdigest()[:8]}"
    return f"{label}.localhost"


def _token(alias: str) -> str:
    file = token_file(alias)
    with lock.hold("keys"):
        if not file.exists():
            paths.replace_file(file, secrets.token_urlsafe(32))
    return file.read_text(encoding="utf-8")


def _wait_until_it_answers(hostname: str, port: int, kernel: NotebookKernel) -> None:
    """Ask as the browser will ask, at the address: not every system resolves such names."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    asked = urllib.request.Request(
        f"http://127.0.0.1:{port}/api", headers={"Host": f"{hostname}:{port}"}
    )
    give_up = time.monotonic() + _SECONDS
    while True:
        try:
            with direct.open(asked, timeout=5):
                return
        except urllib.error.HTTPError as error:
            if error.code != _FORBIDDEN:
                return
            raise CommandFailed(
                f"Jupyter on {kernel.host.name} was started for another name than {hostname}.",
                fix="End it, then repeat %aws_nb: %aws_ssh pkill -f [j]upyter.sock",
            ) from error
        except OSError as error:
            if time.monotonic() > give_up:
                raise NoAnswer(
                    f"Jupyter on {kernel.host.name} has not answered for {_SECONDS:.0f} s.",
                    fix="%aws_ssh tail .dlm/jupyter.log",
                ) from error
        time.sleep(0.3)
