"""The injected faults that are still to occur."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import Lock

from dl_magics.practice.ec2.faults.fault import AT_A_CALL, Fault
from dl_magics.practice.ec2.http import ApiCall


class FaultQueue:
    """The injected faults that have not occurred yet."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._lock = Lock()

    def add(self, fault: Fault) -> None:
        """Add a fault."""
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._waiting.clear()

    def take_for_call(self, call: ApiCall) -> Fault | None:
        """Return the fault that affects this call, and count it down."""
        return self._take(lambda fault: fault.kind in AT_A_CALL and fault.matches(call))

    def take_start_failure(self, instance_id: str) -> Fault | None:
        """Return the fault that keeps this instance from running, and count it down."""
        return self._take(
            lambda fault: fault.kind == "start" and fault.instance in ("", instance_id)
        )

    def take_boot_delay(self, instance_id: str) -> float:
        """Return the extra seconds until SSH answers at this boot, and count the fault down."""
        slow = self._take(
            lambda fault: fault.kind == "boot" and fault.instance in ("", instance_id)
        )
        return slow.seconds if slow else 0

    def _take(self, fits: Callable[[Fault], bool]) -> Fault | None:
        with self._lock:
            for at, fault in enumerate(self._waiting):
                if fits(fault):
                    left = replace(fault, times=fault.times - 1)
                    self._waiting[at : at + 1] = [left] if left.times else []
                    return fault
        return None
