"""A notebook with a GPU kernel on an instance of the practice cloud, made once for a test file."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from dl_magics import practice
from dl_magics.actions.aws import context
from dl_magics.actions.gpu import notebook_kernel
from dl_magics.store import state
from support.cloud import choose_practice

# The record of a GPU kernel whose host need not exist.
RECORD = state.KernelRecord(
    host={"alias": "i-0", "name": "gpu"},
    python="/python",
    environment="keras",
    activate="",
    notebook="/night/train.ipynb",
    title="train.ipynb",
    folder="/night",
)
SESSION = "evening.ipynb"


@pytest.fixture(scope="module")
def notebook(
    tmp_path_factory: pytest.TempPathFactory, running_cloud: practice.PracticeCloud
) -> Iterator[Path]:
    """Our folder, of a notebook that was connected once; launching and connecting take time."""
    ours = tmp_path_factory.mktemp("notebook")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DL_MAGICS_HOME", str(ours))
        patch.setenv("JPY_SESSION_NAME", SESSION)
        choose_practice(running_cloud, address_url="")
        state.update(lambda before: replace(before, allow_from=("198.51.100.7/32",)))
        run = runner(shell_with_magics())
        run("%aws_launch t2.micro --name gpu -y")
        run("%gpu_connect")
        yield ours
        notebook_kernel.detach()
        if context.load().selected_id:  # a test may have terminated it
            run("%aws_terminate -f")
    InteractiveShell.clear_instance()


@pytest.fixture
def gpu_run(notebook: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """Run a cell in a new shell of the connected notebook; return its value, raise its error."""
    monkeypatch.setenv("DL_MAGICS_HOME", str(notebook))
    monkeypatch.setenv("JPY_SESSION_NAME", SESSION)
    yield runner(shell_with_magics())
    InteractiveShell.clear_instance()


@pytest.fixture
def host_home(notebook: Path, running_cloud: practice.PracticeCloud, gpu_run: Any) -> Path:
    """The home folder on the instance."""
    return Path(running_cloud.folder) / "instances" / context.load().resolve_instance().id / "home"


@contextmanager
def another_host_answers(host_home: Path, cloud: practice.PracticeCloud) -> Iterator[None]:
    """Let a host with another key answer at the address of the instance, as in another network."""
    keys = host_home.parent / "etc" / "ssh"
    of_the_host = {each: each.read_bytes() for each in keys.iterdir()}
    cloud.inject_fault("host-key-swap")
    try:
        yield
    finally:
        for path, content in of_the_host.items():
            path.write_bytes(content)


def replace_kernels(host_home: Path) -> None:
    """Leave an instance as a new one: without GPU kernels, agents and their journals."""
    for each in psutil.process_iter(["cmdline"]):
        if any(word.startswith(f"{host_home}/.dlm/") for word in each.info["cmdline"] or []):
            each.kill()
    shutil.rmtree(host_home / ".dlm")


def shell_with_magics() -> InteractiveShell:
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    shell.run_line_magic("load_ext", "dl_magics")
    return shell


def runner(shell: InteractiveShell) -> Callable[[str], Any]:
    def run(cell: str) -> Any:
        done = shell.run_cell(cell, store_history=False)
        done.raise_error()
        return done.result

    run.shell = shell  # type: ignore[attr-defined]  # so that a test can look at its names
    return run
