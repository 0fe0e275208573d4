"""Where a run trains: in the GPU kernel of the notebook, or on this computer. Always said first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dl_magics.actions.aws import instances
from dl_magics.actions.gpu import free_kernels, notebook_kernel
from dl_magics.actions.gpu.host import SshHost
from dl_magics.actions.gpu.notebook_kernel import NotebookKernel
from dl_magics.actions.runs.crew import hosts
from dl_magics.core import money
from dl_magics.errors import BadSetting
from dl_magics.runs import remote_origin
from dl_magics.runs.remote_origin import RemoteOrigin
from dl_magics.store import notebook_session
from dl_magics.training.run import Run


@dataclass(frozen=True, slots=True)
class TrainingPlace:
    """A GPU kernel and its host as the run's events describe it, or this computer."""

    sentence: str
    kernel: NotebookKernel | None = None
    host: Mapping[str, Any] = field(default_factory=dict)


def find_place(
    workers: Sequence[str] | None = None, *, trains_network: bool = False
) -> TrainingPlace:
    """Return where a new run of this notebook trains; with `workers` on this computer, with them.

    With `trains_network` these also train layers of the network.

    Raises
    ------
    BadSetting
        where there are workers, and a GPU kernel is connected.
    NotConnected
        where another notebook has the GPU kernel of this one: it does not train here unasked.
    """
    if workers:
        return _describe_crew(workers, trains_network=trains_network)
    session = notebook_session.current()
    if notebook_kernel.is_connected():
        return _describe(notebook_kernel.current())
    free_kernels.check_local(session)
    if left := notebook_kernel.find_disconnected():
        why = f"%gpu_disconnect ended the connection to {left}."
    else:
        why = "no GPU kernel is connected to this notebook."
    free = free_kernels.describe_free(session)
    return TrainingPlace(
        f"Trains on this computer: {why}" + (f" An earlier one: {free}" if free else "")
    )


def describe_resumed(run: Run) -> str:
    """Return the sentence that says where an interrupted run is resumed: where it began, if it can.

    A run whose instance has ended is resumed on the host that is connected.
    """
    origin = remote_origin.load(run.path)
    if origin is None:
        return "Trains on this computer, where the run began."
    host = find_resuming_host(origin)
    if host.alias == origin.host["alias"]:
        return f"Trains on {host.name}, where the run began."
    return f"Trains on {host.name}; the run began on {origin.host['name']}."


def find_resuming_host(origin: RemoteOrigin) -> SshHost:
    """Return the host on which a run is resumed: the connected one, else that where it began."""
    if notebook_kernel.is_connected():
        return notebook_kernel.current().host
    return SshHost.from_json(origin.host)


def describe_host(host: SshHost) -> dict[str, Any]:
    """Return the `host` of the run's events: name and id, of an instance also type and price."""
    described: dict[str, Any] = {"name": host.name, "id": host.alias}
    if not host.is_instance:
        return described
    aws = host.load_context()
    instance = instances.add_price(aws, aws.ec2.describe_instance(host.alias))
    return {
        **described,
        "type": instance.type,
        "dollars_per_hour": instance.dollars_per_hour,
        "price_day": instance.price_day,
    }


def _describe_crew(workers: Sequence[str], *, trains_network: bool) -> TrainingPlace:
    named = ", ".join(workers)
    if notebook_kernel.is_connected():
        name = notebook_kernel.current().host.name
        raise BadSetting(
            f"workers = {named}: this computer keeps the features that they compute, and the "
            f"notebook is connected to {name}.",
            fix=f"%gpu_disconnect, then run the cell again · or leave workers out: on {name}.",
        )
    host = hosts.describe_crew(workers)
    sentence = hosts.describe_place(host)
    if trains_network:
        sentence += " Layers of the network are trained there together, with JAX."
    return TrainingPlace(sentence, None, host)


def _describe(kernel: NotebookKernel) -> TrainingPlace:
    host = describe_host(kernel.host)
    what = (
        f"{host['type']}, "
        + money.add_day(money.format_per_hour(host["dollars_per_hour"]), host["price_day"])
        if kernel.host.is_instance
        else kernel.environment
    )
    return TrainingPlace(f"Trains on {kernel.host.name} ({what}).", kernel, host)
