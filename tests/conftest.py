"""No test touches the real home folder or leaves the loopback.

Modules that are covered by a test of another name:

version: tests/remote_code/test_bundle.py
"""

from __future__ import annotations

import gc
import itertools
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import settings
from IPython.core import interactiveshell

from support import code_coverage, startup
from support.processes import leftovers

# Each process of pytest, and each that a test starts, would compile all that it imports.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
code_coverage.begin()
startup.begin()

pytest_plugins = [
    "support.aws_cli",
    "support.hosts",
    "support.cloud",
    "support.evaluations",
    "support.in_process.fixtures",
    "support.kernel",
    "support.openssh.sshd",
    "support.two_hosts.fixtures",
    "support.jupyter.notebook",
]

# No test asserts a time.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# Keras, Jupyter and matplotlib read these when they are first imported, before any fixture runs.
_OUR_SCRATCH = tempfile.TemporaryDirectory(prefix="dl-magics-tests-", ignore_cleanup_errors=True)
_SCRATCH = Path(_OUR_SCRATCH.name)
_CLOSED_PORT = "http://127.0.0.1:9"
_PROGRAMS = Path(__file__).parent / "support" / "openssh" / "bin"
os.environ |= {
    "PATH": f"{_PROGRAMS}{os.pathsep}{os.environ.get('PATH', '')}",
    "HOME": str(_SCRATCH),
    "KERAS_HOME": str(_SCRATCH / "keras"),
    "JUPYTER_CONFIG_DIR": str(_SCRATCH / "jupyter-config"),
    "JUPYTER_DATA_DIR": str(_SCRATCH / "jupyter-data"),
    "JUPYTER_RUNTIME_DIR": str(_SCRATCH / "jupyter-runtime"),
    "IPYTHONDIR": str(_SCRATCH / "ipython"),
    "MPLCONFIGDIR": str(_SCRATCH / "matplotlib"),
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # Tests run side by side: threads that wait for one another would only take each other's time.
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "http_proxy": _CLOSED_PORT,
    "https_proxy": _CLOSED_PORT,
    "no_proxy": "127.0.0.1,localhost",
}
for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "KERAS_BACKEND", "DATA", "SIZE"):
    os.environ.pop(name, None)
leftovers.mark()
# Each shell would be kept for its clean-up at the end of this process, which collects all garbage
# once more for each: a minute and a half for the tests of the magics.
vars(interactiveshell)["atexit"] = SimpleNamespace(register=lambda clean_up: None)

# xdist hands out files in this order (`--no-loadscope-reorder`): the longest begin first.
_LONGEST_FIRST = (
    "training/test_backends",
    "journeys/",
    "training/theano/",
    "server/test_schemathesis",
    "gpu_kernel/",
    "crew/",
    "actions/runs/test_remote_finetune",
    "magics/",
    "training/engine/",
    "actions/aws/test_histories",
    "keras_config/test_truth",
    "server/",
    "practice/",
    "aws/",
    "training/",
)

# One worker tests all files of such a folder, with one Jupyter server, or JupyterLab and a browser.
_TOGETHER = ("tests/journeys/", "tests/server/")

# Where coverage measures the processes that tests start too: some of our code runs only there.
# (Not on slow and broken lines, where the same code runs for minutes.)
_MEASURED_WITH_CHILDREN = (
    "actions/gpu/test_kernel_main",
    "crew/",
    "gpu_kernel/agent/",
    "gpu_kernel/link/",
    "gpu_kernel/requests/",
    "gpu_kernel/test_bridge",
    "gpu_kernel/test_client",
    "gpu_kernel/test_faults",
    "gpu_kernel/test_gpu_cell",
    "guard/service/test_service",
    "host/",
    "magics/command_line/",
    "magics/in_a_kernel/test_gpu_widgets",
    "mcp/",
    "practice/",
    "remote_code/",
    "store/",
    "sync/",
    "test_main",
    "training/crew/",
    "training/engine/inference/",
    "training/engine/parallel/",
    "training/engine/test_compute_settings",
    "training/export/",
    "training/loading/",
)


def pytest_sessionstart(session: pytest.Session) -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ:
        leftovers.end()


def pytest_sessionfinish(session: pytest.Session) -> None:
    code_coverage.save()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out files, but those that share a server or a browser together."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = str(super()._split_scope(nodeid))
            return next((folder for folder in _TOGETHER if file.startswith(folder)), file)

    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: (_rank(item.nodeid), not item.get_closest_marker("browser")))


def _rank(test: str) -> int:
    ranks = enumerate(_LONGEST_FIRST)
    return next((rank for rank, name in ranks if f"tests/{name}" in test), len(_LONGEST_FIRST))


@pytest.fixture(scope="module", autouse=True)
def coverage_of_children(request: pytest.FixtureRequest) -> Iterator[None]:
    if any(f"tests/{name}" in request.node.nodeid for name in _MEASURED_WITH_CHILDREN):
        with code_coverage.measured():
            yield
    else:
        yield


@pytest.fixture(scope="module", autouse=True)
def garbage_of_one_module() -> None:
    """What lives by now, as TensorFlow does, is not searched for garbage again and again."""
    gc.collect()  # what is garbage by now would stay for good
    gc.freeze()


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """New folders; `mktemp` would read the names of all others for the next free one."""
    folder = tmp_path_factory.mktemp("homes")
    return (folder / str(n) for n in itertools.count())


@pytest.fixture(autouse=True)
def home(homes: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Our folder, new for each test, and not below the folder of the test."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    own = next(homes)
    own.mkdir(mode=0o700)
    monkeypatch.setenv("HOME", str(own))
    folder = own / "dl_magics"
    monkeypatch.setenv("DL_MAGICS_HOME", str(folder))
    return folder


@pytest.fixture(autouse=True)
def widgets_of_one_test() -> Iterator[None]:
    """Widgets that a test made are closed: their threads would go on in the next tests."""
    yield
    if widgets := sys.modules.get("ipywidgets"):
        widgets.Widget.close_all()


@pytest.fixture
def shell() -> Any:
    """A new IPython without a history; magics are not loaded."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    quiet = Config(
        {"HistoryManager": {"enabled": False}, "InteractiveShell": {"colors": "nocolor"}}
    )
    return InteractiveShell(config=quiet)
