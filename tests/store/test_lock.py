from __future__ import annotations

import pytest

from dl_magics.errors import WrongState
from dl_magics.store import lock


def test_a_lock_that_is_held_raises_the_given_error_and_is_free_after():
    busy = WrongState("It is busy.", fix="Wait.")

    with lock.hold("name"), pytest.raises(WrongState, match="busy"), lock.hold("name", busy):
        pass

    with lock.hold("name", busy):
        pass
