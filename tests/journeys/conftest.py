"""JupyterLab in Chromium. Each module tests one journey of a user through several packages."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)

from support import startup

TOKEN = "only-for-this-test"
ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]

CLOSE = "() => [...window.jupyterapp.shell.widgets('main')].forEach(each => each.dispose())"
NO_KERNEL = {"shouldStart": False, "canStart": False}
OPEN = """async ([name, kernelPreference]) => {
  const app = window.jupyterapp; await app.restored;
  const widget = await app.commands.execute(
    'docmanager:open', {path: name, factory: 'Notebook', kernelPreference});
  await widget.context.ready; window.__nb = widget;
  if (kernelPreference.canStart === false) return;
  await widget.sessionContext.ready; await widget.sessionContext.session.kernel.info;
  return widget.sessionContext.session.kernel.id; }"""
CURRENT = """async () => {
  const app = window.jupyterapp; await app.restored;
  while (!app.shell.currentWidget?.sessionContext) { await new Promise(r => setTimeout(r, 100)); }
  const widget = window.__nb = app.shell.currentWidget;
  await widget.context.ready; await widget.sessionContext.ready;
  await widget.sessionContext.session.kernel.info;
  return widget.sessionContext.session.kernel.id; }"""
RUN = """i => {
  const nb = window.__nb.content; nb.activeCellIndex = i;
  window.jupyterapp.shell.activateById(window.__nb.id);
  const done = window.jupyterapp.commands.execute('notebook:run-cell');
  window.__done = (window.__done || {}); window.__done[i] = false;
  done.then(() => { window.__done[i] = true; }); }"""

AXE = ROOT / "tests" / "widgets" / "js" / "node_modules" / "axe-core" / "axe.min.js"
AXE_RUN = """async selector => {
  const { passes, violations } = await window.axe.run(selector);
  return passes.length ? violations.flatMap(each => each.nodes.map(
    node => `${each.id}: ${node.html} ${node.failureSummary}`)) : ['nothing was checked']; }"""
RIGHT_EDGE = "() => document.querySelector('.jp-WindowedPanel-outer').getBoundingClientRect().right"
THEMES = ("JupyterLab Dark", "JupyterLab Light")
OFTEN = 100  # milliseconds; else a page that waits draws each frame
WIDTHS = (1280, 700)
VIEWPORT: ViewportSize = {"width": 1100, "height": 850}


class Lab:
    """A page of JupyterLab, on a temporary folder.

    To load the page and to start a kernel cost seconds of the processor. A notebook is opened in
    the page that is there; if `is_shared`, with the kernel that the one before it had.
    """

    token = TOKEN

    def __init__(self, url: str, folder: Path, page: Page, *, is_shared: bool = False) -> None:
        self.url, self.folder, self.page = url, folder, page
        self._is_shared = is_shared
        self._kernels: dict[str, str] = {}  # their ids

    def open(self, name: str, cells: list[str], kernel: str = "python3") -> None:
        """Write a notebook and open it."""
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source) for source in cells],
            metadata={"kernelspec": {"name": kernel, "display_name": kernel}},
        )
        nbformat.write(notebook, self.folder / name)
        if not self.is_loaded:
            self.reload()
        self.show(name, kernel)

    def show(self, name: str, kernel: str | None = "python3") -> None:
        """Open a notebook, with a kernel or without."""
        self.close_tabs()
        known = {"id": self._kernels[kernel]} if kernel in self._kernels else {}
        preference = NO_KERNEL if kernel is None else known
        started = self.page.evaluate(OPEN, [name, preference])
        if self._is_shared and kernel:
            self._kernels[kernel] = started

    def reload(self) -> None:
        """Load the page anew, with nothing open."""
        self.page.goto(f"{self.url}/lab/workspaces/{uuid.uuid4().hex}?token={TOKEN}&reset")
        self.page.wait_for_function("window.jupyterapp", polling=OFTEN, timeout=60_000)

    @property
    def is_loaded(self) -> bool:
        return self.page.url.startswith(f"{self.url}/lab")

    def close_tabs(self) -> None:
        self.page.evaluate(CLOSE)

    def run(self, cell: int) -> None:
        self.page.evaluate(RUN, cell)

    def finish(self, cell: int, seconds: float = 120) -> None:
        self.page.wait_for_function(f"window.__done[{cell}]", polling=OFTEN, timeout=seconds * 1000)

    def wait_for_text(self, cell: int, text: str | re.Pattern[str]) -> None:
        """Wait until the outputs of a cell have a text: some are shown after the cell's end."""
        expect(self._outputs(cell)).to_contain_text(text, use_inner_text=True, timeout=30_000)

    def text_of(self, cell: int) -> str:
        return self._outputs(cell).inner_text()

    def _outputs(self, cell: int) -> Locator:
        return (
            self.page.locator(".jp-Notebook .jp-CodeCell").nth(cell).locator(".jp-Cell-outputArea")
        )

    def save(self) -> None:
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")

    def theme(self, name: str) -> None:
        self.page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", name
        )
        self.page.wait_for_function(
            f"document.body.dataset.jpThemeName === {json.dumps(name)}",
            polling=OFTEN,
            timeout=10_000,
        )

    def restart_kernel(self) -> None:
        """Restart the kernel as the toolbar does, without its question."""
        self.page.evaluate("() => window.__nb.sessionContext.session.kernel.restart()")

    def find_violations(self, selector: str) -> list[str]:
        """Return what axe-core finds in an element, in words."""
        if not self.page.evaluate("() => Boolean(window.axe)"):
            self.page.add_script_tag(path=AXE)
        found = self.page.evaluate(AXE_RUN, selector)
        return [str(each) for each in found]

    def check_everywhere(self, selector: str, buttons: str) -> list[str]:
        """Return what is wrong with an element in both themes, wide and narrow.

        That is what axe-core finds, and buttons that are cut off on the right.
        """
        found = []
        for theme in THEMES:
            self.theme(theme)
            for width in WIDTHS:
                self.page.set_viewport_size({"width": width, "height": 850})
                found += [f"{theme} {width}: {each}" for each in self.find_violations(selector)]
                edge = self.page.evaluate(RIGHT_EDGE)
                for button in self.page.locator(buttons).all():
                    box = button.bounding_box()
                    if not box or box["x"] + box["width"] > edge:
                        found.append(f"{theme} {width}: {button.inner_text()} is out of sight")
        self.page.set_viewport_size(VIEWPORT)
        return found

    def shut_kernels_down(self) -> None:
        for kernel in self._api("kernels"):
            self._api(f"kernels/{kernel['id']}", "DELETE")
        self._kernels.clear()

    def _api(self, path: str, method: str = "GET") -> Any:
        request = urllib.request.Request(
            f"{self.url}/api/{path}", method=method, headers={"Authorization": f"token {TOKEN}"}
        )
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
            body = answer.read()
        return json.loads(body) if body else None


class Notebook7(Lab):
    """A page of Notebook 7 of the same server: it shows one notebook."""

    def show(self, name: str, kernel: str | None = "python3") -> None:
        assert kernel, "Notebook 7 starts the kernel of each notebook that it opens"
        self.page.goto(f"{self.url}/notebooks/{name}?token={TOKEN}")
        self.page.wait_for_function("window.jupyterapp", polling=OFTEN, timeout=60_000)
        self._kernels[kernel] = self.page.evaluate(CURRENT)

    def reload(self) -> None:
        """Nothing: each notebook is a page of its own."""


class Chromium:
    """A browser, and its page of the JupyterLab that modules share."""

    def __init__(self) -> None:
        self._driver = sync_playwright().start()
        self.browser = self._driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        self.page = self.browser.new_page(viewport=VIEWPORT)

    def close(self) -> None:
        self.browser.close()
        self._driver.stop()


_running: list[Chromium] = []


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Close Chromium after the last test in it: its event loop makes `asyncio.run` fail."""
    if _running and not (nextitem and nextitem.get_closest_marker("browser")):
        _running.pop().close()


@pytest.fixture(scope="module")
def chromium() -> Chromium:
    """The browser of all modules that are tested one after the other."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    if not _running:
        _running.append(Chromium())
    return _running[-1]


@pytest.fixture(scope="module")
def browser(chromium: Chromium) -> Browser:
    return chromium.browser


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, Path]]:
    """The URL of JupyterLab, its root folder, and the DL_MAGICS_HOME of its kernels."""
    with serve_lab(tmp_path_factory.mktemp("lab")) as served:
        yield served


@pytest.fixture(scope="module")
def open_lab_with_panel(
    tmp_path_factory: pytest.TempPathFactory, browser: Browser
) -> Iterator[Callable[[], Lab]]:
    """Open a page, each in a browser of its own, of a JupyterLab that has the panel."""
    contexts: list[BrowserContext] = []
    with serve_lab(tmp_path_factory.mktemp("panel")) as (url, folder, _ours):

        def open_lab() -> Lab:
            contexts.append(browser.new_context(viewport=VIEWPORT))
            return Lab(url, folder, contexts[-1].new_page())

        yield open_lab
        for context in contexts:
            context.close()


@contextmanager
def serve_lab(base: Path) -> Iterator[tuple[str, Path, Path]]:
    """Start JupyterLab with its files in a folder, and with the panel of this tree."""
    folder, ours = base / "notebooks", base / "dl_magics"
    folder.mkdir()
    (folder / "data").symlink_to(ROOT / "notebooks" / "data")
    settings = base / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = (
        f"{sys.executable} -m jupyterlab --no-browser --allow-root --ip=127.0.0.1 --port={port} "
        f"--ServerApp.port_retries=0 --IdentityProvider.token={TOKEN} "
        f"--ServerApp.root_dir={folder} --LabApp.expose_app_in_browser=True "
        "--LabApp.extension_manager=readonly --LabApp.news_url=None "
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate "
        "--JupyterNotebookApp.expose_app_in_browser=True"
    )
    _older_kernel(base / "kernels")
    environment = os.environ | {
        "JUPYTERLAB_SETTINGS_DIR": str(base / "settings"),
        "JUPYTER_PATH": str(base),
        "JUPYTER_CONFIG_PATH": str(_configure(base)),
        "DL_MAGICS_HOME": str(ours),
    }
    with (base / "log.txt").open("w") as log:
        process = subprocess.Popen(
            command.split(), env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        url = f"http://127.0.0.1:{port}"
        try:
            _wait_until_up(url, process, base / "log.txt")
            yield url, folder, ours
        finally:
            process.terminate()
            process.wait(30)


def _configure(base: Path) -> Path:
    """Leave out what each page starts Node for; return a config folder.

    That is language servers, and the look whether JupyterLab must be built.
    JupyterLab finds the panel that was built of this tree, and the server extension.
    """
    bundle = ROOT / "build" / "labextension"
    assert (bundle / "package.json").is_file(), f"{bundle} does not exist: run make build/panel"
    (base / "labextensions").mkdir()
    (base / "labextensions" / "dl-magics").symlink_to(bundle)
    extensions = {"jupyter_lsp": False, "dl_magics": True, "notebook": True}
    config = base / "config"
    settings: dict[str, dict[str, Any]] = {
        "jupyter_server_config.d/tests.json": {"ServerApp": {"jpserver_extensions": extensions}},
        "labconfig/page_config.json": {
            "disabledExtensions": {"@jupyterlab/lsp-extension": True},
            "buildCheck": False,
        },
    }
    for name, each in settings.items():
        (config / name).parent.mkdir(parents=True)
        (config / name).write_text(json.dumps(each))
    return config


def _older_kernel(kernels: Path) -> None:
    """Install a kernelspec of the oldest supported ipykernel, which `make test` installs."""
    packages = ROOT / "build" / "ipykernel-6.31"
    assert (packages / "ipykernel").is_dir(), f"{packages} does not exist: run make test"
    spec = kernels / "ipykernel-6.31" / "kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text(
        json.dumps(
            {
                "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
                "display_name": "ipykernel 6.31",
                "language": "python",
                "env": {"PYTHONPATH": startup.join_paths(packages)},
            }
        )
    )


def _wait_until_up(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(300):
        assert process.poll() is None, log.read_text()
        try:
            opener.open(f"{url}/api?token={TOKEN}", timeout=2).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def lab(server: tuple[str, Path, Path], chromium: Chromium) -> Iterator[Lab]:
    """The page that modules share, with kernels that the tests of a module share."""
    url, folder, _ours = server
    chromium.page.set_viewport_size(VIEWPORT)
    shown = Lab(url, folder, chromium.page, is_shared=True)
    yield shown
    if shown.is_loaded:
        shown.close_tabs()
    shown.shut_kernels_down()


@pytest.fixture(scope="module")
def notebook_7(server: tuple[str, Path, Path], browser: Browser) -> Iterator[Notebook7]:
    """A page of Notebook 7, served by the JupyterLab that modules share."""
    url, folder, _ours = server
    shown = Notebook7(url, folder, browser.new_page(viewport=VIEWPORT))
    yield shown
    shown.page.close()
    shown.shut_kernels_down()
