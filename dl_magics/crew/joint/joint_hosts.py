"""Hosts that train together: they do each step at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dl_magics.crew.joint.trainer_process import TrainerProcess, checked_answers
from dl_magics.ssh import blocking
from dl_magics.training.crew.frames import Frame
from dl_magics.training.crew.joint.hosts import HostsLost

Array = NDArray[Any]

# The first step of a large network is compiled.
_SECONDS_TO_ANSWER = 600.0


class JointHosts:
    """The processes on the hosts, the first of which is the process 0.

    Made by `opening.open_hosts`.
    """

    def __init__(self, processes: Sequence[TrainerProcess]) -> None:
        self._processes = processes
        self._longest = 0

    @property
    def names(self) -> Sequence[str]:
        """The names of the hosts."""
        return [each.name for each in self._processes]

    def send_variables(self, packed: bytes) -> None:
        """Set all variables of the network and its optimizer."""
        self._longest = len(packed)
        self._ask("variables", packed)

    def train(self, rows: Array, labels: Array, weights: Array | None) -> dict[str, float]:
        """Train on a batch of the rows of the activations; return its loss and metrics."""
        given = None if weights is None else weights.tolist()
        said = self._ask("train", rows=rows.tolist(), labels=labels.tolist(), weights=given)
        # All have the same, which are those of the whole batch.
        with checked_answers(self.names[0]):
            return {str(name): float(value) for name, value in said[0].values["logs"].items()}

    def predict(self, rows: Array) -> Array:
        """Return the logits of rows."""
        shares = self._ask("predict", rows=rows.tolist())
        with checked_answers(", ".join(self.names)):
            logits = np.concatenate([_read_logits(each) for each in shares])
            if len(logits) != len(rows):
                raise ValueError(f"logits of {len(logits)} images, not {len(rows)}")
        return logits

    def read_variables(self) -> bytes:
        """Return the variables that training changes."""
        (process, *_) = self._processes

        async def read() -> Frame:
            await process.send("read")
            return await process.hear("done", self._longest)

        return blocking.wait_for(read()).payload

    def close(self) -> None:
        """End the processes."""
        blocking.wait_for(close_all(self._processes))

    def _ask(self, op: str, payload: bytes = b"", **values: Any) -> list[Frame]:
        return blocking.wait_for(ask_all(self._processes, op, payload, **values))


def _read_logits(answer: Frame) -> Array:
    return np.frombuffer(answer.payload, "<f4").reshape(answer.values["shape"])


async def ask_all(
    processes: Sequence[TrainerProcess], op: str, payload: bytes = b"", **values: Any
) -> list[Frame]:
    """Ask all processes, of which the process 0 gets the payload; return the answers."""
    # The others would wait for a large payload in a computation, which has its own time limits.
    for number, process in enumerate(processes):
        await process.send(op, b"" if number else payload, **values)
    return await hear_all(processes, "done")


async def hear_all(processes: Sequence[TrainerProcess], op: str) -> list[Frame]:
    """Return what all processes say; where one of them cannot, wait for no other one."""
    tasks = [asyncio.ensure_future(each.hear(op)) for each in processes]
    try:
        async with asyncio.timeout(_SECONDS_TO_ANSWER):
            return await asyncio.gather(*tasks)
    except TimeoutError:
        raise HostsLost(f"no answer for {_SECONDS_TO_ANSWER:.0f} seconds.") from None
    finally:
        for task in tasks:
            task.cancel()


async def close_all(processes: Sequence[TrainerProcess]) -> None:
    """End processes."""
    await asyncio.gather(*(each.close() for each in processes), return_exceptions=True)
