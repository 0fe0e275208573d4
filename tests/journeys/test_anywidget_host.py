"""Our widgets in a front end that is not Jupyter's: the rules of anywidget, and nothing else.

The page has what anywidget's specification gives a widget: `model` with get, set, save_changes, on,
off and send, and `el`. No network, no kernel, no global of Jupyter. VS Code, Colab and marimo show
widgets by these rules.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from PIL import Image

from dl_magics.actions.data.place import DataPlace
from dl_magics.actions.results.cleaning import Cleaning, Photo
from dl_magics.actions.results.matrix import ConfusionMatrix
from dl_magics.actions.results.place import ResultPlace
from dl_magics.runs.events import PhaseStarted
from dl_magics.runs.state import replay_events
from dl_magics.widgets.cleaner import Cleaner
from dl_magics.widgets.confusion import ConfusionWidget
from dl_magics.widgets.instances import Panel
from dl_magics.widgets.keras_settings import SettingsPanel
from dl_magics.widgets.run import RunWidget
from support import run_events
from support.evaluations import make_evaluation, make_photo

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><meta http-equiv="Content-Security-Policy" content="default-src 'none';
  script-src blob:; style-src 'unsafe-inline'; img-src data:"><div id="widget"></div>"""
SHOW = """async ({esm, css, state}) => {
  const listeners = new Map(), sent = [];
  const model = {
    get: name => state[name],
    set: (name, value) => { state[name] = value; },
    save_changes: () => undefined,
    on: (event, slot) => listeners.set(event, [...(listeners.get(event) ?? []), slot]),
    off: (event, slot) => listeners.set(event, listeners.get(event).filter(each => each !== slot)),
    send: content => { sent.push(content); }
  };
  const style = document.createElement('style');
  style.textContent = css;
  document.head.append(style);
  const url = URL.createObjectURL(new Blob([esm], {type: 'text/javascript'}));
  const { default: made } = await import(url);
  const widget = typeof made === 'function' ? await made() : made;
  const el = document.getElementById('widget');
  await widget.initialize?.({ model });
  const close = await widget.render({ model, el });
  window.host = {
    sent,
    change: fresh => {
      Object.assign(state, fresh);
      Object.keys(fresh).forEach(name => listeners.get(`change:${name}`)?.forEach(f => f()));
    },
    close: () => { close(); return [...listeners.values()].flat().length; }
  };
}"""
STARTED = run_events.make_events(
    PhaseStarted(phase="head", total=2, unit="epochs"), run_events.epoch(1)
)
CLASSES = ("cats", "dogs")


class Host:
    """A page that shows one widget."""

    def __init__(self, page, widget):
        self.page, self.widget = page, widget
        self.problems = []
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", self._listen)
        page.on("request", lambda request: self.problems.append(request.url))
        page.set_content(PAGE)
        state = widget.get_state()
        esm, css = (state.pop(name) for name in ("_esm", "_css"))
        kept = {name: value for name, value in state.items() if name in own_traits(widget)}
        page.evaluate(SHOW, {"esm": esm, "css": css, "state": kept})

    def _listen(self, message):
        if message.type == "error":
            self.problems.append(message.text)

    @property
    def outside(self):
        """What is wrong: errors, and requests that leave the page."""
        return [each for each in self.problems if not each.startswith(("blob:", "data:", "about:"))]

    def text(self):
        return self.page.inner_text("#widget")

    def send_changes(self):
        fresh = self.widget.get_state(own_traits(self.widget))
        self.page.evaluate("fresh => window.host.change(fresh)", fresh)

    def receive(self):
        """Hand what the widget sent to the kernel's side; return it."""
        sent = self.page.evaluate("() => window.host.sent.splice(0)")
        for content in sent:
            self.widget._handle_custom_msg(content, [])
        return sent


def own_traits(widget):
    return [
        name
        for kind in type(widget).__mro__
        if kind.__module__.startswith("dl_magics")
        for name in kind.class_own_traits(sync=True)
        if not name.startswith("_")
    ]


def make_run(folder):
    widget = RunWidget(on_stop=lambda: (folder / "stop").touch(), again="%attach")
    widget.show(replay_events(STARTED))
    return widget


def make_confusion(folder):
    Image.new("RGB", (8, 8)).save(folder / "1.png")
    found = make_evaluation(make_photo("1.png", "cats", 0.2, 0.8), root=str(folder))
    place = ResultPlace(SimpleNamespace(name="run"))
    return ConfusionWidget(ConfusionMatrix(found), place, again="%confusion")


def make_cleaner(folder):
    for name in CLASSES:
        (folder / name).mkdir()
        Image.new("RGB", (8, 8)).save(folder / name / "1.jpg")
    photos = tuple(Photo(f"{name}/1.jpg", name, "why") for name in CLASSES)
    return Cleaner(Cleaning(DataPlace("pets", ""), str(folder), CLASSES, photos))


WIDGETS = {
    "run": (make_run, "VGG16 · 2 classes"),
    "instances": (lambda _: Panel(seconds=60), "practice · us-east-1"),
    "keras settings": (lambda _: SettingsPanel(seconds=60), "backend"),
    "confusion": (make_confusion, "cats"),
    "cleaner": (make_cleaner, "Undo last"),
}


@pytest.fixture
def show(browser, tmp_path, request):
    shown = []

    def open_host(name):
        if name == "instances":
            request.getfixturevalue("account_or_cloud")
        shown.append(Host(browser.new_page(), WIDGETS[name][0](tmp_path)))
        return shown[-1]

    yield open_host
    for host in shown:
        host.widget.close()
        host.page.close()


@pytest.mark.parametrize("name", WIDGETS)
def test_a_widget_draws_alone_and_takes_its_listeners_along(show, name):
    host = show(name)

    assert WIDGETS[name][1] in host.text()
    assert host.outside == []
    assert host.page.evaluate("() => window.host.close()") == 0


def test_a_run_is_drawn_again_and_stop_reaches_the_kernel(show, tmp_path):
    host = show("run")
    assert "Best so far: epoch 1" in host.text()

    more = [*STARTED, run_events.epoch(2)]
    host.widget._next = 0.0
    host.widget.show(replay_events(run_events.stamp(more)))
    host.send_changes()

    assert "Best so far: epoch 2" in host.text()
    host.page.get_by_role("button", name="Stop").click()
    assert host.receive() == [{"type": "stop"}]
    assert (tmp_path / "stop").exists()
    assert host.outside == []
