"""What runs on this computer."""

from __future__ import annotations

import psutil


def list_processes(*attributes: str) -> list[psutil.Process]:
    """Return all processes, each with these attributes in `info`.

    psutil alone would give one that has ended if another has its number by now.
    """
    psutil.process_iter.cache_clear()
    return list(psutil.process_iter(attributes or None))
