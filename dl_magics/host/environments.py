"""Choose the Python environment of a host for the kernel, or create one."""

from __future__ import annotations

from collections.abc import AsyncIterator

from dl_magics.errors import BadSetting, CommandFailed, NoAnswer, NotInstalled
from dl_magics.host.info import HostInfo, Interpreter, parse_version
from dl_magics.ssh import connection
from dl_magics.ssh.target import SshTarget

FOLDER = "~/.venvs/dl_magics"
PYTHON = f"{FOLDER}/bin/python"
_PACKAGES = "ipykernel keras {tensorflow} pillow simplejpeg numpy matplotlib boto3"
_GET_UV = "curl -LsSf https://astral.sh/uv/install.sh | sh"
# The versions of Python that TensorFlow has wheels for: from, below.
_OLDEST, _NEWEST = (3, 10), (3, 14)


def choose_interpreter(host: HostInfo, env: str | None = None) -> Interpreter:
    """Return the interpreter for the kernel: the one called `env`, by default the best one.

    Raises
    ------
    BadSetting
        if no environment is called `env`.
    NotInstalled
        if no interpreter has ipykernel, Keras and a backend, or `env` has no ipykernel.
    """
    if env:
        return _named(host, env)
    fitting = [each for each in host.interpreters if each.can_run_kernels and each.can_train]
    if not fitting:
        found = "has ipykernel, Keras and a backend" if host.interpreters else "was found"
        raise NotInstalled(
            f"No Python on {host.name} {found}.",
            fix=f"Create an environment with %gpu_connect --setup: {install_command(host)}",
        )
    return max(fitting, key=lambda each: _fitness(each, host))


def install_command(host: HostInfo, *more: str) -> str:
    """Return the shell command that creates an environment for kernels and training.

    `more` are further packages to install in it.
    """
    tensorflow = "'tensorflow[and-cuda]'" if host.has_gpu else "tensorflow"
    packages = " ".join([_PACKAGES.format(tensorflow=tensorflow), *more])
    python = PYTHON
    base = _base(host)
    if host.uv or not base:
        install_uv = "" if host.uv else f"{_GET_UV} && "
        uv = host.uv or "~/.local/bin/uv"
        create = f"{install_uv}{uv} venv --allow-existing --python 3.12 {FOLDER}"
        return f"{create} && {uv} pip install --python {python} {packages}"
    create = f"{base.path} -m venv {FOLDER}"
    if not base.can_create_venv:
        create = f"sudo apt-get install -y python3-venv && {create}"
    return f"{create} && {python} -m pip install {packages}"


def make_setup_command(line: str) -> str:
    """Return the command that runs a line and prints its errors among its output."""
    return f"{{ {line}; }} 2>&1"


async def set_up_environment(target: SshTarget, host: HostInfo) -> AsyncIterator[str]:
    """Create the environment for kernels and training; yield the output line by line.

    Raises
    ------
    CommandFailed
        if a command exits with an error.
    NoAnswer
        if the connection ends first.
    """
    line = install_command(host)
    yield line
    shared = await connection.connect_shared(target)
    last = ""
    with connection.translate_errors(target):
        async with shared.create_process(make_setup_command(line), errors="replace") as process:
            process.stdin.write_eof()
            async for written in process.stdout:
                if text := written.rstrip("\n"):
                    last = text
                    yield text
            code = (await process.wait(check=False)).exit_status
    if code is None:
        raise NoAnswer(
            f"The connection to {target.name} ended while the environment was being created.",
            fix="Run the same line again: it continues where it stopped.",
        )
    if code:
        raise CommandFailed(
            f"The environment on {target.name} could not be created (exit status {code}): "
            f"{last:.200}",
            fix=f"Run it in a terminal on the host: {line}",
        )


def _named(host: HostInfo, env: str) -> Interpreter:
    found = next((each for each in host.interpreters if each.matches(env)), None)
    if not found:
        names = ", ".join(each.name for each in host.interpreters) or "none"
        raise BadSetting(
            f"{host.name} has no environment named '{env}'.",
            fix=f"Environments on the host: {names}",
        )
    if not found.can_run_kernels:
        raise NotInstalled(
            f"{found.name} on {host.name} (Python {found.python}) has no ipykernel."
            if parse_version(found.python) >= (3, 8)
            else f"{found.name} on {host.name} has Python {found.python}; a kernel needs 3.8.",
            fix=f"Install it: {found.path} -m pip install ipykernel"
            if parse_version(found.python) >= (3, 8)
            else f"Create a new one with %gpu_connect --setup: {install_command(host)}",
        )
    return found


def _fitness(interpreter: Interpreter, host: HostInfo) -> tuple[object, ...]:
    backend = host.keras_backend or "tensorflow"
    cpu_only = not host.has_gpu
    return (
        cpu_only or interpreter.is_built_for_gpu(backend),
        cpu_only or interpreter.is_built_for_gpu(),
        backend in interpreter.backends,
        parse_version(interpreter.packages["keras"]),
        parse_version(interpreter.python),
    )


def _base(host: HostInfo) -> Interpreter | None:
    """Return the best Python to create an environment from: one that TensorFlow supports."""
    fitting = [
        each for each in host.interpreters if _OLDEST <= parse_version(each.python)[:2] < _NEWEST
    ]
    return max(
        fitting,
        key=lambda each: (each.can_create_venv, each.kind != "venv", parse_version(each.python)),
        default=None,
    )
