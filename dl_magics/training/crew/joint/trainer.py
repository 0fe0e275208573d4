"""The process on a host that trains the last layers with those on other hosts.

It ends as soon as its standard input does. It reads and writes frames: what libraries print goes
elsewhere. The process 0 gets variables and activations, and passes them on to all others.
"""

from __future__ import annotations

import ipaddress
import os
import queue
import socket
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dl_magics.errors import BadSetting, DLMagicsError, NoAnswer, NotInstalled, TrainingFailed
from dl_magics.training.crew import worker
from dl_magics.training.crew.frames import Frame, read_blocking
from dl_magics.training.crew.joint.hosts import VERSIONS
from dl_magics.training.engine.inference.out_of_memory import is_out_of_memory

SECONDS_TO_MEET = 10.0


class Trainer:
    """One of the processes; what it writes begins with a line that has the `mark`."""

    def __init__(self, mark: str) -> None:
        self._output = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        self._output.write(f"\n{mark}\n".encode())
        self._frames: queue.SimpleQueue[Frame] = queue.SimpleQueue()
        self._has_others = False
        # From the first moment on: what is imported or built meanwhile is given up.
        threading.Thread(target=self._read_frames, daemon=True).start()

    def serve(self) -> None:
        """Meet the other processes, build the network, and train it until the end."""
        begin = self._meet()
        self._has_others = begin["count"] > 1
        training = _Training(begin)
        self._say("ready")
        while True:
            frame = self._frames.get()
            values, payload = getattr(training, f"do_{frame.op}")(frame)
            self._say("done", payload, **values)

    def fail(self, error: Exception) -> None:
        """Say why the process ends."""
        if isinstance(error, DLMagicsError):
            self._say("failed", type=type(error).__name__, message=str(error), fix=error.fix)
            return
        message = f"{type(error).__name__}: {error}"[:1000]
        if self._has_others and not is_out_of_memory(error):
            # JAX makes several kinds of errors of a lost host: the run decides how to go on.
            self._say("lost", message=message)
            return
        fix = "Lower batch_size · or leave workers out and train on one instance: %gpu_connect NAME"
        self._say("failed", type=TrainingFailed.__name__, message=message, fix=fix)

    def _meet(self) -> Mapping[str, Any]:
        address = _find_own_address()
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.create_server((address, 0), family=family) as listening:
            port = listening.getsockname()[1]
            self._say("hello", address=address, port=port, versions=_read_versions())
            while (frame := self._frames.get()).op == "meet":
                _reach(frame.values["address"], frame.values["port"])
                self._say("met")
        return frame.values

    def _read_frames(self) -> None:
        """Take the frames of the input; its end is that of this process."""
        while frame := read_blocking(sys.stdin.buffer):
            self._frames.put(frame)
        os._exit(0)

    def _say(self, op: str, payload: bytes = b"", **values: Any) -> None:
        self._output.write(Frame({"op": op, **values}, payload).encode())
        self._output.flush()


def main(mark: str) -> None:
    """Serve; runs on the host."""
    trainer = Trainer(mark)
    try:
        with worker.hold_lock():
            trainer.serve()
    except Exception as error:
        # Whatever a backend raises: the run must know of it.
        trainer.fail(error)
    # JAX waits for the other processes as it exits.
    os._exit(0)


class _Training:
    """The network in this process, and the activations that it is trained on.

    Each `do_` answers a frame, with values and a payload.
    """

    def __init__(self, begin: Mapping[str, Any]) -> None:
        from dl_magics.training.crew.joint import build
        from dl_magics.training.engine.parallel import host_devices

        self._broadcast = host_devices.broadcast
        self._number = int(begin["number"])
        if begin["count"] > 1:
            host_devices.join_processes(
                begin["coordinator"], begin["count"], self._number, begin["recipe"]["seed"]
            )
        self._devices = host_devices.HostDevices(begin["devices"])
        with self._devices.scope():
            self._model = build.build_network(begin)
        self._stored = str(begin["stored"])
        type_, shape = np.dtype(begin["values_type"]), (begin["rows"], *begin["shape"])
        # It has no name: it is gone with this process.
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the array reads it
        file.truncate(max(1, int(np.prod(shape)) * type_.itemsize))
        self._values = np.memmap(file, type_, shape=shape)
        self._filled = 0

    def do_variables(self, frame: Frame) -> tuple[dict[str, Any], bytes]:
        """Set all variables of the network and its optimizer."""
        from dl_magics.training.crew.joint import state

        variables = state.list_all(self._model)
        if self._number == 0:
            values = state.unpack(variables, frame.payload)
        else:
            values = state.make_zeros(variables)
        with self._devices.scope():
            for variable, value in zip(variables, values, strict=True):
                variable.assign(self._broadcast(value))
        return {}, b""

    def do_values(self, frame: Frame) -> tuple[dict[str, Any], bytes]:
        """Add activations to those that are there."""
        rows = int(frame.values["rows"])
        part = np.zeros((rows, *self._values.shape[1:]), self._values.dtype)
        if self._number == 0:
            part = np.frombuffer(frame.payload, part.dtype).reshape(part.shape)
        self._values[self._filled : self._filled + rows] = self._broadcast(part)
        self._filled += rows
        return {}, b""

    def do_train(self, frame: Frame) -> tuple[dict[str, Any], bytes]:
        """Train on one batch."""
        said = frame.values
        labels, weights = np.array(said["labels"]), said["weights"]
        weights = None if weights is None else np.array(weights, np.float32)
        logs = self._devices.train(self._model, (self._read(said["rows"]), labels, weights))
        return {"logs": logs}, b""

    def do_predict(self, frame: Frame) -> tuple[dict[str, Any], bytes]:
        """Return the logits of a share of a batch."""
        logits = self._devices.predict(self._model, self._read(frame.values["rows"]))
        logits = np.ascontiguousarray(logits, "<f4")
        return {"shape": logits.shape}, logits.tobytes()

    def do_read(self, _: Frame) -> tuple[dict[str, Any], bytes]:
        """Return what training has changed."""
        from dl_magics.training.crew.joint import state

        return {}, state.pack(state.list_trained(self._model))

    def _read(self, rows: Sequence[int]) -> NDArray[np.float32]:
        from dl_magics.training.engine.features import records

        return records.to_float32(self._values[np.array(rows)], self._stored)


def _read_versions() -> dict[str, str]:
    """Return the versions on which all processes must agree; raise NotInstalled without one."""
    try:
        return {name: metadata.version(name) for name in VERSIONS}
    except metadata.PackageNotFoundError as error:
        raise NotInstalled(
            f"{error.name} is not installed in {sys.executable}.",
            fix=f"{sys.executable} -m pip install {error.name}",
        ) from None


def _find_own_address() -> str:
    """Return the address at which this host was reached, in its own network.

    Raises BadSetting where that is public: what hosts tell each other is not encrypted.
    """
    words = os.environ.get("SSH_CONNECTION", "").split()
    address = words[2] if len(words) == 4 else ""
    try:
        is_private = not ipaddress.ip_address(address).is_global
    except ValueError:
        is_private = False
    if is_private:
        return address
    raise BadSetting(
        f"its own address is {address or 'unknown'}: hosts that train together connect to each "
        "other at private addresses only.",
        fix="Name instances of one VPC in workers: %aws_launch TYPE --count 2 --name crew",
    )


def _reach(address: str, port: int) -> None:
    """Raise NoAnswer where a port of another host cannot be connected to."""
    try:
        socket.create_connection((address, port), SECONDS_TO_MEET).close()
    except OSError as error:
        raise NoAnswer(
            f"it cannot connect to {address}, port {port}: {error}.",
            fix="The security group must let its members connect to each other: the line "
            "%aws_launch TYPE --count N --name NAME that launched them sees to it.",
        ) from error
