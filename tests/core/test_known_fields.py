from __future__ import annotations

from dataclasses import dataclass

from dl_magics.core.known_fields import keep_known_fields


@dataclass
class Disk:
    type: str
    gib: int = 8


def test_only_values_that_have_a_field_are_kept():
    assert keep_known_fields(Disk, {"type": "gp3", "iops": 3000}) == {"type": "gp3"}
