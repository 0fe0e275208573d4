"""What the guard learns from the agents of our kernels."""

from __future__ import annotations

import socket
import threading

import pytest

from dl_magics.gpu_kernel.agent import files
from dl_magics.guard.service.kernels import Kernels


class Agent:
    """Listens where an agent does, and sends this answer to each that asks."""

    def __init__(self, folder, answer):
        folder.mkdir(parents=True)
        self.answer = answer
        self.socket = files.find_sockets(folder) / "agent.sock"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.socket))
        self.listener.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                end, _ = self.listener.accept()
            except OSError:
                return
            with end:
                end.recv(1000)
                end.sendall(self.answer)


@pytest.fixture
def listen(tmp_path):
    agents = []

    def listen(answer, name="k"):
        agents.append(Agent(tmp_path / ".dlm" / name, answer))
        return agents[-1]

    yield listen
    for agent in agents:
        agent.listener.close()
        agent.socket.unlink()


@pytest.fixture
def count(tmp_path):
    kernels = Kernels()
    return lambda: kernels.count_cells((f"{tmp_path}/.dlm/*",))


@pytest.mark.parametrize(
    ("answer", "counted"),
    [
        (b'{"state": "busy", "n": 7}\n', (1, False)),
        (b'{"state": "idle", "n": 7}\n', (0, False)),
        (b'{"state": "dead"}\n', (0, False)),
        (b"{}\n", (0, False)),
        (b"[]\n", (None, None)),
        (b"nonsense\n", (None, None)),
        (b"", (None, None)),
        (b"x" * 100_000, (None, None)),
    ],
)
def test_a_busy_kernel_runs_a_cell_and_a_strange_answer_is_a_failed_check(
    listen, count, answer, counted
):
    listen(answer)

    assert count() == counted


def test_output_of_a_cell_is_progress(listen, count):
    agent = listen(b'{"state": "busy", "n": 7}\n')
    first, second = count(), count()
    agent.answer = b'{"state": "busy", "n": 8}\n'

    assert [first, second, count()] == [(1, False), (1, False), (1, True)]


def test_an_agent_that_ended_tells_nothing(listen, count):
    listen(b'{"state": "busy", "n": 7}\n').listener.shutdown(socket.SHUT_RDWR)

    assert count() == (0, False)


def test_the_socket_of_a_folder_with_a_long_path_is_found(listen, count):
    listen(b'{"state": "busy", "n": 7}\n', name="k" * 100)

    assert count() == (1, False)


def test_without_kernels_no_cell_runs(count):
    assert count() == (0, False)
