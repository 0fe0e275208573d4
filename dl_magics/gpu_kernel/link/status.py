"""The state of a link, as one value: it is replaced as a whole, so that any thread may read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

LinkState = Literal["attached", "lost", "gone", "stopped"]
KernelState = Literal["starting", "idle", "busy", "dead", "gone"]
KERNEL_STATES = ("starting", "idle", "busy", "dead", "gone")


@dataclass(frozen=True, slots=True)
class AgentStatus:
    """What the agent reported about the kernel and the journal.

    `state` is that of the kernel, or "gone" if no agent is running, and `busy` the id of the
    request that it runs; `n` is the number of the last journal entry; `full` is the error of a full
    disk; `boot` changes when the agent is restarted.
    """

    state: KernelState = "starting"
    why: str = ""
    busy: str | None = None
    boot: str = ""
    n: int = 0
    full: str = ""
    agent_pid: int = 0

    @classmethod
    def read(cls, document: dict[str, Any]) -> AgentStatus:
        """Check the status line of an agent; raises ValueError if a field has another type."""
        status = cls(**{name: document[name] for name in cls.__slots__ if name in document})
        texts = (status.state, status.why, status.busy or "", status.boot, status.full)
        numbers = (status.n, status.agent_pid)
        if not all(isinstance(text, str) for text in texts) or status.state not in KERNEL_STATES:
            raise ValueError(f"not the status of an agent: {document!r:.200}")
        if not all(isinstance(number, int) and number >= 0 for number in numbers):
            raise ValueError(f"not the status of an agent: {document!r:.200}")
        return status


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """The state of a link and why it is lost, the last entry received, and the agent's status.

    `alive_at` is when the host last gave a sign of life, in seconds since the epoch. `fix` is what
    to type where its instance was stopped or terminated.
    """

    n: int
    state: LinkState = "lost"
    why: str = "it was not connected yet"
    agent: AgentStatus = AgentStatus()
    alive_at: float = 0.0
    fix: str = ""
