"""Which Python of a host the kernel runs in, and how to make one where none will do."""

from __future__ import annotations

from collections.abc import AsyncIterator

from dl_magics.errors import BadSetting, CommandFailed, NoAnswer, NotInstalled
from dl_magics.host.info import HostInfo, Interpreter, version
from dl_magics.ssh import connection
from dl_magics.ssh.target import SshTarget

FOLDER = "~/.venvs/dl_magics"
_PACKAGES = "ipykernel keras {tensorflow} pillow simplejpeg numpy matplotlib"
_GET_UV = "curl -LsSf https://astral.sh/uv/install.sh | sh"
# TensorFlow has wheels for these.
_OLDEST, _NEWEST = (3, 10), (3, 14)


def choose_interpreter(surroundings: HostInfo, env: str | None = None) -> Interpreter:
    """Return the interpreter for the kernel: the one that is named, else the one that fits best.

    Raises
    ------
    BadSetting
        where none has that name.
    NotInstalled
        where none can run a kernel, or train.
    """
    if env:
        return _named(surroundings, env)
    fitting = [each for each in surroundings.interpreters if each.runs_kernels and each.trains]
    if not fitting:
        has = "has ipykernel, Keras and a backend" if surroundings.interpreters else "is there"
        raise NotInstalled(
            f"No Python on {surroundings.name} {has}.",
            fix=f"%gpu_connect --setup makes one: {install_command(surroundings)}",
        )
    return max(fitting, key=lambda each: _fitness(each, surroundings))


def install_command(surroundings: HostInfo) -> str:
    """Return the shell line that makes an environment for kernels and training."""
    tensorflow = "'tensorflow[and-cuda]'" if surroundings.has_gpu else "tensorflow"
    packages = _PACKAGES.format(tensorflow=tensorflow)
    python = f"{FOLDER}/bin/python"
    base = _base(surroundings)
    if surroundings.uv or not base:
        get = "" if surroundings.uv else f"{_GET_UV} && "
        uv = surroundings.uv or "~/.local/bin/uv"
        make = f"{get}{uv} venv --allow-existing --python 3.12 {FOLDER}"
        return f"{make} && {uv} pip install --python {python} {packages}"
    make = f"{base.path} -m venv {FOLDER}"
    if not base.makes_environments:
        make = f"sudo apt-get install -y python3-venv && {make}"
    return f"{make} && {python} -m pip install {packages}"


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
        async with shared.create_process(f"{{ {line}; }} 2>&1", errors="replace") as process:
            process.stdin.write_eof()
            async for written in process.stdout:
                if said := written.rstrip("\n"):
                    last = said
                    yield said
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
            fix=f"Try it in a terminal there: {line}",
        )


def _named(surroundings: HostInfo, env: str) -> Interpreter:
    found = next((each for each in surroundings.interpreters if each.is_called(env)), None)
    if not found:
        names = ", ".join(each.name for each in surroundings.interpreters) or "none at all"
        raise BadSetting(
            f"{surroundings.name} has no environment named '{env}'.", fix=f"There are: {names}"
        )
    if not found.runs_kernels:
        raise NotInstalled(
            f"{found.name} on {surroundings.name} (Python {found.python}) has no ipykernel."
            if version(found.python) >= (3, 8)
            else f"{found.name} on {surroundings.name} is Python {found.python}: too old.",
            fix=f"{found.path} -m pip install ipykernel"
            if version(found.python) >= (3, 8)
            else f"%gpu_connect --setup makes a new one: {install_command(surroundings)}",
        )
    return found


def _fitness(interpreter: Interpreter, surroundings: HostInfo) -> tuple[object, ...]:
    backend = surroundings.keras_backend or "tensorflow"
    no_gpu = not surroundings.has_gpu
    return (
        no_gpu or interpreter.is_for_gpu(backend),
        no_gpu or interpreter.is_for_gpu(),
        backend in interpreter.backends,
        version(interpreter.packages["keras"]),
        version(interpreter.python),
    )


def _base(surroundings: HostInfo) -> Interpreter | None:
    """Return the newest Python that TensorFlow is made for; a virtual one only for want of all."""
    fitting = [
        each for each in surroundings.interpreters if _OLDEST <= version(each.python)[:2] < _NEWEST
    ]
    return max(
        fitting,
        key=lambda each: (each.makes_environments, each.kind != "venv", version(each.python)),
        default=None,
    )
