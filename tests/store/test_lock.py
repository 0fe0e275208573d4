from __future__ import annotations

import pytest

from dl_magics.errors import WrongState
from dl_magics.store import lock
from support.files import locked


def test_a_lock_that_is_held_raises_the_given_error_and_is_free_after():
    busy = WrongState("It is busy.", fix="Wait.")

    with lock.hold("name"), pytest.raises(WrongState, match="busy"), lock.hold("name", busy):
        pass

    with lock.hold("name", busy):
        pass


def test_a_lock_is_free_when_the_process_that_holds_it_is_killed_though_its_child_lives():
    with locked("one") as process:
        assert lock.is_held("one")
        assert not lock.hold_until_exit("one")
        process.kill()
        process.wait()
        assert not lock.is_held("one")
        assert lock.hold_until_exit("one")
        assert lock.is_held("one")
        lock.release("one")
