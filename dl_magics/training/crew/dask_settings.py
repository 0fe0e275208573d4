"""How Dask is set on both sides: TLS always, no pages, no work that was not asked for."""

from __future__ import annotations

import logging
from typing import Any

PROTOCOL = "tls"
# A connection that hangs is noticed by SSH first.
_LIFETIME = "120s"
_OTHER_TRIES = 20


def configure() -> None:
    """Set Dask for this process."""
    import dask

    dask.config.set(
        {
            "distributed.scheduler.http.routes": [],
            "distributed.worker.http.routes": [],
            "distributed.scheduler.active-memory-manager.start": False,
            "distributed.scheduler.allowed-failures": _OTHER_TRIES,
            "distributed.scheduler.worker-ttl": _LIFETIME,
            "distributed.scheduler.work-stealing": True,
            "distributed.admin.large-graph-warning-threshold": "1GB",
            "distributed.comm.require-encryption": True,
            "distributed.worker.memory.target": False,
            "distributed.worker.memory.spill": False,
            "distributed.worker.memory.pause": False,
            "distributed.worker.memory.terminate": False,
            "distributed.worker.preload": [],
            "distributed.scheduler.preload": [],
        }
    )
    logging.getLogger("distributed").setLevel(logging.CRITICAL)


def make_security(*, authority: str, certificate: str, key: str) -> Any:
    """Return Dask's description of the TLS credentials of this side."""
    from distributed.security import Security

    roles = ("client", "scheduler", "worker")
    return Security(
        require_encryption=True,
        tls_ca_file=authority,
        **{f"tls_{role}_cert": certificate for role in roles},
        **{f"tls_{role}_key": key for role in roles},
    )
