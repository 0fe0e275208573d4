"""What the magics for a GPU kernel do, as ssh and rsync commands for a terminal.

Nothing is sent or stored to make them, except that a host is asked what is installed on it. What
they run is made by the functions that the magics use; tests/actions/gpu/explain compares both.
"""

from __future__ import annotations

import secrets
import shlex
from typing import Any

from dl_magics.actions.aws.explain import steps
from dl_magics.actions.aws.explain.shell import Script, comment, make_script
from dl_magics.actions.gpu import jupyter, kernel_records
from dl_magics.actions.gpu.explain import commands
from dl_magics.actions.gpu.explain.commands import KnownKernel
from dl_magics.actions.gpu.host import SshHost
from dl_magics.actions.gpu.sync_paths import Direction
from dl_magics.gpu_kernel import deploy
from dl_magics.gpu_kernel.agent_transport import build_start_options
from dl_magics.gpu_kernel.link import long_entries
from dl_magics.gpu_kernel.load_ext import replace_load_ext
from dl_magics.gpu_kernel.requests.requests import build_cell_request
from dl_magics.host import environments, probe
from dl_magics.host.info import HostInfo
from dl_magics.keras_config import framework_devices
from dl_magics.remote_code import bundle, runner
from dl_magics.remote_code.request import build_request
from dl_magics.ssh.target import SshTarget
from dl_magics.store import notebook_session, paths, state
from dl_magics.sync.spec import SyncJob

_PROBE = "from dl_magics.host import probe_script as p; print(p.build_script('BEGIN', 'END'))"
_WRITE = "import sys; from {module} import {name}; sys.stdout.buffer.write({data})"
_LOCAL_PORT = 8890
RSYNC_OPTIONS = ("-rlpt", "--partial", "--mkpath", "--chmod=ugo-s,o-w")
"""What `rsync` copies as `%sync` does."""


def connect_script(host: SshHost, found: HostInfo, env: str | None, *, setup: bool) -> Script:
    """Return what `%gpu_connect` does on a host where this was found."""
    login = host.resolve_target()
    lines = [_probe_line(login)]
    if setup:
        installing = environments.install_command(found)
        lines.append(commands.ssh(login, environments.make_setup_command(installing)))
        python, activate = environments.PYTHON, ""
    else:
        chosen = environments.choose_interpreter(found, env)
        python, activate = chosen.path, chosen.activation
    kernel_id = kernel_records.preview_id(host, notebook_session.current())
    folder = commands.relative_folder(kernel_id)
    code = _WRITE.format(module="dl_magics.gpu_kernel", name="deploy", data="deploy.pack_agent()")
    options = build_start_options(python, cwd="", activate=activate)
    start = commands.run_agent(folder, python, "start", *options)
    lines += [
        commands.upload(login, code, folder.rpartition("/")[0], deploy.archive_name()),
        commands.ssh(login, start),
        comment(f"stores in {_state_file()} that this notebook has this GPU kernel"),
        comment(f"writes the kernelspec Python (GPU: {host.name}) for the launcher"),
    ]
    if not host.is_instance:
        return Script("\n".join(lines))
    context = host.load_context()
    instance = context.ec2.describe_instance(host.alias)
    return make_script(context, [*steps.port_steps(context, instance), *lines])


def status_script() -> Script:
    """Return what `%gpu_status` asks the host."""
    kernel = KnownKernel.find()
    packed = bundle.pack_travelling()
    code = _WRITE.format(
        module="dl_magics.remote_code", name="bundle", data="bundle.pack_travelling().data"
    )
    program = runner.build_command(
        kernel.record.python,
        f"{runner.FOLDER}/{packed.name}",
        secrets.token_hex(16),
        activate=kernel.record.activate,
    )
    request = shlex.quote(build_request(framework_devices.list_gpus, {}))
    lines = [
        _probe_line(kernel.login),
        commands.upload(kernel.login, code, runner.FOLDER, packed.name),
        f"printf %s {request} | {commands.ssh(kernel.login, program)}",
    ]
    return Script("\n".join(lines))


def control_script(operation: str) -> Script:
    """Return the request to interrupt, restart or shut down the GPU kernel."""
    kernel = KnownKernel.find()
    return Script(kernel.send({"op": operation, "id": commands.new_id()}))


def disconnect_script(*, end_kernel: bool) -> Script:
    """Return what `%gpu_disconnect` does: it stores it, and shuts the kernel down if asked."""
    ending = [control_script("shutdown")] if end_kernel else []
    stores = comment(f"stores in {_state_file()} that this notebook has no GPU kernel")
    return Script("\n".join([*ending, stores]))


def cell_script(code: str, given: list[str], wanted: list[str]) -> Script:
    """Return the request that runs a cell; its output is shown for some seconds."""
    kernel = KnownKernel.find()
    code = replace_load_ext(code, kernel.record.host["name"])
    message = build_cell_request(commands.new_id(), code)
    run = kernel.send(_hello(0), {"op": "send", "ch": "shell", "m": message}, listens=True)
    before = [comment(f"sends {', '.join(given)} first, as a zip over SFTP")] if given else []
    after = [comment(f"fetches {', '.join(wanted)} then, as a zip over SFTP")] if wanted else []
    return Script("\n".join([*before, run, *after]))


def log_script() -> Script:
    """Return the request for all entries of the journal."""
    return Script(KnownKernel.find().send(_hello(0), listens=True))


def output_script(number: int | None) -> Script:
    """Return the request for the entries of the journal that `%gpu_output` shows."""
    kernel = KnownKernel.find()
    stored = state.read()
    cells = stored.background_cells.get(kernel.id, ())
    shown = min(stored.shown.get(kernel.id, {}).values(), default=0)
    since = cells[-(number or 1)].since if cells and (number or 1) <= len(cells) else shown
    return Script(kernel.send(_hello(since), listens=True))


def jupyter_script() -> Script:
    """Return what `%aws_nb` does: start the host's Jupyter, forward a port to its socket."""
    kernel = KnownKernel.find()
    alias = kernel.login.alias
    token = shlex.quote(str(jupyter.token_file(alias)))
    name = jupyter.local_hostname(alias)
    start = jupyter.build_start_command(kernel.record.python, kernel.record.activate, name)
    login = commands.ssh(kernel.login, start)
    options = _without_clearing(kernel.login.command_line())
    forward = f'-N -L "127.0.0.1:{_LOCAL_PORT}:$SOCKET"'
    lines = [
        f"[ -s {token} ] || (umask 077; openssl rand -hex 32 > {token})",
        f"SOCKET=$({{ cat {token}; echo; }} | {login} | tail -n 1)",
        f'echo "http://{name}:{_LOCAL_PORT}/?token=$(cat {token})"',
        f"{shlex.join(options[:-1])} {forward} {shlex.quote(options[-1])}",
    ]
    return Script("\n".join(lines))


def sync_script(direction: Direction, job: SyncJob, *, delete: bool, replace: bool) -> Script:
    """Return the rsync command for a job of `%sync`."""
    *words, host = job.login.command_line()
    here = str(job.root / job.local_name) if job.names else f"{job.root}/"
    folder = job.folder.removeprefix("./")
    there = f"{host}:{f'{folder}/{job.names[0]}' if job.names else f'{folder}/'}"
    source, target = (here, there) if direction == "up" else (there, here)
    options = list(RSYNC_OPTIONS)
    options += ["--delete"] if delete else []
    options += ["--force"] if replace else []
    return Script(shlex.join(["rsync", *options, "-e", shlex.join(words), source, target]))


def _probe_line(login: SshTarget) -> str:
    return f"{commands.run_here(_PROBE)} | {commands.ssh(login, probe.COMMAND)}"


def _hello(since: int) -> dict[str, Any]:
    """Return the first document of a client, which receives the entries after number `since`."""
    return {
        "op": "hello",
        "since": since,
        "offset": 0,
        "boot": "",
        "client": "",
        "largest": long_entries.MAX_ENTRY_BYTES,
    }


def _without_clearing(words: list[str]) -> list[str]:
    """Return the words of an ssh command without the option that refuses to forward ports."""
    at = words.index("ClearAllForwardings=yes")
    return [*words[: at - 1], *words[at + 1 :]]


def _state_file() -> str:
    return str(paths.data_folder() / state.FILE_NAME)
