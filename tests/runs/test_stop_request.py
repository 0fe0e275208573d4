from __future__ import annotations

import ctypes
import os
import signal
import time
from threading import Event, Thread

import pytest

from dl_magics.runs import stop_request
from dl_magics.runs.stop_request import catch_first_interrupt


class CallIntoC:
    """A call into C that no signal ends: it waits for a mutex."""

    def __init__(self):
        self._library, self._mutex = ctypes.CDLL(None), ctypes.create_string_buffer(256)
        self._library.pthread_mutex_init(self._mutex, None)
        self._library.pthread_mutex_lock(self._mutex)

    def wait(self):
        self._library.pthread_mutex_lock(self._mutex)

    def end(self):
        self._library.pthread_mutex_unlock(self._mutex)


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(autouse=True)
def own_handler():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_stop_is_requested_through_the_folder(tmp_path):
    before = stop_request.is_stop_requested(tmp_path)
    stop_request.request_stop(tmp_path)
    stop_request.request_stop(tmp_path)

    assert (before, stop_request.is_stop_requested(tmp_path)) == (False, True)


def test_a_request_can_be_cleared(tmp_path):
    stop_request.request_stop(tmp_path)

    stop_request.clear_request(tmp_path)
    stop_request.clear_request(tmp_path)

    assert not stop_request.is_stop_requested(tmp_path)


def test_no_stop_is_requested_at_first():
    with catch_first_interrupt() as stop:
        assert not stop()


def test_the_first_interrupt_sets_the_flag():
    with catch_first_interrupt() as stop:
        interrupt()

        assert stop()


def test_the_second_interrupt_raises_keyboard_interrupt():
    with catch_first_interrupt() as stop:
        interrupt()

        with pytest.raises(KeyboardInterrupt):
            interrupt()
        assert stop()


def test_the_handler_is_restored():
    with catch_first_interrupt():
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler

    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(KeyboardInterrupt):
        interrupt()


def test_the_handler_is_restored_after_an_error():
    with pytest.raises(ZeroDivisionError), catch_first_interrupt():
        raise ZeroDivisionError

    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_no_handler_is_set_outside_the_main_thread():
    seen = []

    def work():
        with catch_first_interrupt() as stop:
            seen.append((stop(), signal.getsignal(signal.SIGINT)))

    thread = Thread(target=work)
    thread.start()
    thread.join()

    assert seen == [(False, signal.default_int_handler)]


@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupt_is_acknowledged_during_a_long_call_into_c(times):
    """A batch is such a call: no handler of a signal runs before its end, but other threads do."""
    over, told, during = [], Event(), []
    call = CallIntoC()

    def acknowledge():
        during.append(not over)
        told.set()

    def press():
        for _ in range(times):
            interrupt()
            # Two signals in the same moment may be delivered as one.
            told.wait()
        # The other threads of a busy computer see the last one a moment later.
        time.sleep(1)
        call.end()

    pressing, aborted = Thread(target=press), False
    try:
        with catch_first_interrupt(acknowledge) as stop:
            pressing.start()
            call.wait()
            over.append(True)
            assert stop()
    except KeyboardInterrupt:
        aborted = True
    pressing.join()

    assert during == [True]
    assert aborted is (times == 2)


def test_two_interrupts_at_the_end_of_a_call_into_c_are_two():
    # It keeps the lock of the interpreter, so that no other thread can count them before.
    send = ctypes.PyDLL(None)["raise"]

    with catch_first_interrupt(), pytest.raises(KeyboardInterrupt):
        list(map(send, [signal.SIGINT, signal.SIGINT]))
