from __future__ import annotations

import os
import time

import psutil
import pytest

from dl_magics.runs import log
from dl_magics.runs.events import EpochEnded, PhaseStarted, RunStarted
from dl_magics.training.engine import pipeline
from dl_magics.training.run import Run
from support import tiny_keras
from support.jupyter import browser

WIDGET = "application/vnd.jupyter.widget-view+json"
SETTINGS = (
    "weights = None\nimage_size = 32\ndense = [8]\nheads = 1\nbatch_size = 8\n"
    "mixed_precision = False\n"
)
FOR_EVER = "epochs = 100_000\npatience = 100_000\n"
# Building this head takes for ever, and no stop is asked for in between.
STUCK = "def head(features):\n    import time\n    time.sleep(600)\n    return features\n"
SECONDS = 120


class Kernel:
    """A real kernel, its outputs, and the runs that it makes."""

    def __init__(self, home, data):
        self.home, self.data = home, data
        # TensorFlow writes all its messages.
        environment = {**os.environ, "DL_MAGICS_HOME": str(home), "TF_CPP_MIN_LOG_LEVEL": "0"}
        # Where it is set, ipykernel does not show what is written to file descriptor 2.
        environment.pop("PYTEST_CURRENT_TEST", None)
        self.manager, self.client = browser.start_kernel(environment)

    def send(self, cell):
        return self.client.execute(cell)

    def answer(self, sent):
        """Return the reply to a cell, and all outputs that it made."""
        outputs = []
        while True:
            message = self.client.get_iopub_msg(timeout=SECONDS)
            if message["parent_header"].get("msg_id") != sent:
                continue
            if message["content"].get("execution_state") == "idle":
                break
            outputs.append((message["msg_type"], message["content"]))
        while True:
            reply = self.client.get_shell_msg(timeout=SECONDS)
            if reply["parent_header"]["msg_id"] == sent:
                return reply["content"], outputs

    def run(self, cell):
        return self.answer(self.send(cell))

    def said(self, cell):
        reply, outputs = self.run(cell)
        assert reply["status"] == "ok", reply
        return "".join(content["text"] for kind, content in outputs if kind == "stream").strip()

    def runs(self):
        return set((self.home / "runs").iterdir()) if (self.home / "runs").exists() else set()

    def begin(self, settings, kind, **values):
        """Start a cell that goes on for ever, and wait until its log has an event of a kind."""
        before = self.runs()
        sent = self.send(f"%%finetune '{self.data}'\n{SETTINGS}{FOR_EVER}{settings}")
        for _ in range(SECONDS * 20):
            for folder in self.runs() - before:
                for event in log.read_events(folder):
                    if isinstance(event, kind) and vars(event).items() >= values.items():
                        return sent, Run(folder)
            time.sleep(0.05)
        raise AssertionError(f"no {kind.kind} came")


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    room = tmp_path_factory.mktemp("kernel")
    begun = Kernel(room / "home", tiny_keras.photos(room / "photos", n=6))
    begun.said("%load_ext dl_magics\nimport signal")
    yield begun
    begun.client.stop_channels()
    begun.manager.shutdown_kernel(now=True)


def displayed(outputs):
    """Return what was displayed, without the note for a tab that was closed meanwhile."""
    shown = [
        (kind, content["data"], content["transient"].get("display_id"))
        for kind, content in outputs
        if kind in ("display_data", "update_display_data")
    ]
    notes = {id_ for _, data, id_ in shown if "goes on without this tab" in data["text/plain"]}
    return [(kind, data) for kind, data, id_ in shown if id_ is None or id_ not in notes]


def flags():
    settings = [line.replace(" ", "").split("=") for line in SETTINGS.splitlines()]
    return " ".join(f"--{name.replace('_', '-')} {value}" for name, value in settings)


def test_a_stop_while_keras_is_imported_is_heard_and_leaves_nothing(kernel):
    kernel.send(f"%%finetune '{kernel.data}'\n{SETTINGS}")
    heard, stopping = [], []
    while not heard or heard[-1]["content"].get("execution_state") != "idle":
        heard.append(kernel.client.get_iopub_msg(timeout=SECONDS))
        content = heard[-1]["content"]
        if WIDGET in content.get("data", {}):
            kernel.manager.interrupt_kernel()
        stopping += [True] * (content.get("data", {}).get("state", {}).get("stopping") is True)

    reply = kernel.client.get_shell_msg(timeout=SECONDS)["content"]
    assert (reply["ename"], reply["evalue"]) == (
        "KeyboardInterrupt",
        "The run was stopped before it began.",
    )
    assert stopping == [True]
    assert kernel.runs() == set()


def test_a_cell_shows_a_widget_that_becomes_a_still_picture_and_returns_its_run(kernel):
    reply, outputs = kernel.run(f"%%finetune '{kernel.data}'\n{SETTINGS}epochs = 2")

    assert reply["status"] == "ok"
    _, (first, widget), *_, (last, still) = displayed(outputs)
    assert first == "display_data"
    assert WIDGET in widget
    assert last == "update_display_data"
    assert set(still) == {"text/plain", "text/html", "image/png"}
    (result,) = [content["data"] for kind, content in outputs if kind == "execute_result"]
    assert " · done" in result["text/plain"]
    assert "Run <b>" in result["text/html"]
    assert displayed(outputs)[0][1]["text/plain"].startswith("Trains on this computer: ")
    assert not [content for kind, content in outputs if kind in ("stream", "error")]
    (run,) = kernel.runs()
    assert ".cc:" in (run / "messages.log").read_text(), "what TensorFlow's C++ wrote"


def test_predict_shows_how_far_it_is_and_leaves_only_its_result(kernel):
    kernel.said(f"run = %finetune '{kernel.data}' {flags()} --epochs 1")

    _, outputs = kernel.run(f"run.predict('{kernel.data}')")

    (begun, first), *_, (kind, last) = displayed(outputs)
    assert (begun, first["text/plain"]) == ("display_data", "Loading the model …")
    assert (kind, last) == ("update_display_data", {"text/plain": ""})
    (result,) = [content["data"] for kind, content in outputs if kind == "execute_result"]
    assert " of 12 right: " in result["text/plain"]
    assert result["text/html"].count("<img ") == 12
    assert not [content for kind, content in outputs if kind in ("stream", "error")]


def test_a_front_end_without_widgets_gets_the_plain_picture(kernel):
    kernel.said("%config FinetuneMagics.live = 'plain'")

    _, outputs = kernel.run(f"%finetune '{kernel.data}' {flags()} --epochs 1")

    kernel.said("%config FinetuneMagics.live = 'widget'")
    shown = displayed(outputs)
    assert not [data for _, data in shown if WIDGET in data]
    assert "image/png" in shown[-1][1]


def test_a_failure_is_two_lines_the_cell_fails_and_nothing_is_left(kernel):
    before = kernel.runs()

    reply, outputs = kernel.run(f"%finetune nowhere {flags()}")

    (error,) = [content for kind, content in outputs if kind == "error"]
    assert (reply["status"], reply["ename"]) == ("error", "BadData")
    assert len(error["traceback"]) == 2
    lines = "\n".join(error["traceback"]).splitlines()
    assert not [line for line in lines if len(line) > 76 and " " in line.strip()]
    assert displayed(outputs)[-1][1]["text/plain"] == "The run did not start."
    assert kernel.runs() == before


def test_one_interrupt_stops_keeps_the_best_and_the_next_cell_runs(kernel):
    before = kernel.said("print(signal.getsignal(signal.SIGINT))")
    sent, run = kernel.begin("", EpochEnded)

    kernel.manager.interrupt_kernel()
    reply, outputs = kernel.answer(sent)

    assert reply["status"] == "ok"
    assert run.status == "stopped"
    assert (run.path / "model.keras").is_file()
    assert "stopped, best weights kept" in displayed(outputs)[-1][1]["text/plain"]
    assert kernel.said(f"print(_.name == '{run.name}', _.best['epoch'] > 0)") == "True True"
    assert kernel.said("print(signal.getsignal(signal.SIGINT))") == before


def test_two_interrupts_abort_the_log_says_so_and_the_next_cell_runs(kernel):
    before = kernel.said("print(signal.getsignal(signal.SIGINT))")
    sent, run = kernel.begin(STUCK, RunStarted)
    time.sleep(1)  # the head is being built

    kernel.manager.interrupt_kernel()
    time.sleep(0.5)
    still_there = run.status
    kernel.manager.interrupt_kernel()
    reply, outputs = kernel.answer(sent)

    assert still_there == "running"
    assert (reply["status"], reply["ename"]) == ("error", "KeyboardInterrupt")
    assert run.status == "interrupted"
    assert list(log.read_events(run.path))[-1].status == "interrupted"
    assert "interrupted" in displayed(outputs)[-1][1]["text/plain"]
    assert kernel.said("print(signal.getsignal(signal.SIGINT))") == before


def test_another_kernel_watches_a_run_and_stops_it(kernel):
    sent, run = kernel.begin("", EpochEnded)
    training = psutil.Process(kernel.manager.provisioner.pid)
    training.suspend()  # it would take the time of the other one
    other = Kernel(kernel.home, kernel.data)

    try:
        other.said("%load_ext dl_magics")
        reply, outputs = other.run(f"run = %attach {run.name}")
        said = other.said(
            "from dl_magics.actions.runs import runs; print(run.status); runs.request_stop(run)"
        )
    finally:
        training.resume()
        other.client.stop_channels()
        other.manager.shutdown_kernel(now=True)
    ended, _ = kernel.answer(sent)

    assert reply["status"] == "ok"
    assert WIDGET in displayed(outputs)[0][1]
    assert said == "running"
    assert ended["status"] == "ok"
    assert run.status == "stopped"


def test_a_restart_from_the_thread_of_a_subshell_ends_a_kernel_that_waits(tmp_path):
    waiting = Kernel(tmp_path / "home", tmp_path)
    waiting.said(
        "import threading, time\n"
        "from dl_magics.magics.prompts import kernel_restarter\n"
        "restart = kernel_restarter(get_ipython())\n"
        "def click():\n"
        "    time.sleep(1)\n"
        "    restart()\n"
        "threading.Thread(target=click).start()"
    )

    deadline = time.monotonic() + SECONDS
    while waiting.manager.is_alive() and time.monotonic() < deadline:
        time.sleep(0.1)
    is_alive = waiting.manager.is_alive()
    waiting.client.stop_channels()
    waiting.manager.shutdown_kernel(now=True)
    assert not is_alive


def test_a_killed_kernel_leaves_an_interrupted_run_and_its_features(kernel, tmp_path):
    """The last test of this file, as it ends the kernel."""
    # No run before has seen the green ones.
    kernel.data = tiny_keras.photos(tmp_path / "photos", n=6, classes=("blue", "green"))
    _, run = kernel.begin("", EpochEnded)

    kernel.manager.shutdown_kernel(now=True)

    assert run.status == "interrupted"
    assert run.history["loss"]
    again = pipeline.run(tiny_keras.recipe(kernel.data), tiny_keras.paths(kernel.home))
    assert next(tiny_keras.of_kind(PhaseStarted, again)).kept == 12
