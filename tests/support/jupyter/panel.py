"""The panel of dl_magics in a page of JupyterLab, for tests in a browser."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Error as PageError

PANEL = "#dl-magics-panel"
STATUS = ".dl-bill"
DIALOG = ".jp-Dialog-content"
OPEN = """async () => {
  await window.jupyterapp.restored;
  await window.jupyterapp.commands.execute('dl-magics:open-panel'); }"""
CUT_OFF = """selector => {
  const edge = document.querySelector(selector).getBoundingClientRect().right;
  const parts = ['button', 'select', 'input:not([type=radio])'];
  return [...document.querySelectorAll(parts.map(each => `${selector} ${each}`).join())]
    .filter(each => each.getBoundingClientRect().right > Math.min(edge, window.innerWidth))
    .map(each => each.textContent || each.type); }"""
HAS_TERMINAL = "() => window.jupyterapp.shell.currentWidget?.content?.session?.messageReceived"
LISTEN_TO_TERMINAL = """() => {
  window.__printed = '';
  window.jupyterapp.shell.currentWidget.content.session.messageReceived.connect(
    (_, message) => { window.__printed += message.content?.join('') ?? ''; }); }"""
SCREENSHOTS = Path(__file__).parents[3] / "build" / "screenshots"
SECONDS = 60


class Panel:
    """What a person sees and does in the panel of one page."""

    def __init__(self, lab: Any) -> None:
        self.lab, self.page = lab, lab.page

    def open(self) -> Panel:
        """Open a new page with the panel."""
        self.lab.page.goto(f"{self.lab.url}/lab/workspaces/{id(self)}?token={self.lab.token}&reset")
        self.page.wait_for_function("window.jupyterapp", timeout=SECONDS * 1000)
        return self.reveal()

    def reveal(self) -> Panel:
        self.page.evaluate(OPEN)
        return self

    def button(self, label: str) -> Any:
        """Return a button by the beginning of what a screen reader says."""
        return self.page.locator(PANEL).get_by_role("button", name=label).first

    def press(self, label: str) -> None:
        self.button(label).click()

    def type_on(self, label: str, key: str) -> None:
        """Press a key on a button that can be used."""
        button = self.button(label)
        button.click(trial=True)
        button.focus()
        self.page.keyboard.press(key)

    def toggle_section(self, title: str) -> None:
        """Open or close a section of the panel."""
        titles = self.page.locator(f"{PANEL} .lm-AccordionPanel-title")
        titles.filter(has_text=title).click()

    def answer(self, label: str) -> str:
        """Press a button of the dialog; return what it asked."""
        dialog = self.page.locator(".jp-Dialog")
        text = dialog.inner_text()
        dialog.get_by_role("button", name=label, exact=True).click()
        dialog.wait_for(state="detached")
        return str(text)

    def wait_for(self, text: str, seconds: float = SECONDS) -> None:
        self.page.locator(PANEL).get_by_text(text).first.wait_for(timeout=seconds * 1000)

    def wait_for_state(self, state: str, name: str = "gpu") -> None:
        """Wait until an instance or a run is listed in a state."""
        card = self.page.locator(f"{PANEL} li[aria-label$={json.dumps(f', {state}')}]")
        card.filter(has_text=name).first.wait_for(timeout=SECONDS * 1000)

    def wait_for_notification(self, text: str | re.Pattern[str]) -> None:
        """Wait until JupyterLab shows a notification, in whichever tab one is."""
        self.page.locator(".Toastify").get_by_text(text).first.wait_for(timeout=SECONDS * 1000)

    def type_in_terminal(self, line: str) -> None:
        """Type a line into the terminal that has just been opened."""
        self.page.wait_for_function(HAS_TERMINAL, timeout=SECONDS * 1000)
        self.page.evaluate(LISTEN_TO_TERMINAL)
        self.page.locator(".jp-Terminal textarea").last.focus()
        self.page.keyboard.type(f"{line}\n")

    def wait_for_terminal(self, pattern: str) -> None:
        """Wait until the terminal has printed what a pattern matches."""
        seen = "pattern => new RegExp(pattern).test(window.__printed)"
        try:
            self.page.wait_for_function(seen, arg=pattern, timeout=SECONDS * 1000)
        except PageError as error:
            raise AssertionError(self.page.evaluate("window.__printed")) from error

    @contextmanager
    def in_its_home(self) -> Iterator[None]:
        """Use the data folder of its kernels and its server in this process."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DL_MAGICS_HOME", str(self.lab.folder.parent / "dl_magics"))
            yield

    def shoot(self, name: str) -> None:
        """Take a screenshot, which nothing compares: it is for people."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png")

    def find_problems(self) -> list[str]:
        """Return what axe-core finds in panel, dialog and status bar, and what is cut off."""
        shown = [each for each in (PANEL, DIALOG, STATUS) if self.page.locator(each).count()]
        cut = [
            f"{text} is cut off"
            for each in shown
            if each != STATUS
            for text in self.page.evaluate(CUT_OFF, each)
        ]
        return [found for each in shown for found in self.lab.find_violations(each)] + cut

    def call(self, path: str, method: str = "GET", body: Any = None) -> Any:
        """Call the server extension as a script would."""
        request = urllib.request.Request(
            f"{self.lab.url}/dl-magics/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {self.lab.token}"},
        )
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
            text = answer.read()
        return json.loads(text) if text else None
