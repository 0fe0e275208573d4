from __future__ import annotations

import asyncio
import os
import signal
import threading

import pytest

from dl_magics.ssh import blocking


def test_a_coroutine_runs_while_another_loop_turns():
    async def answer():
        return 42

    async def cell():
        return blocking.wait_for(answer())

    assert asyncio.run(cell()) == 42


def test_what_fails_there_fails_here():
    async def fail():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        blocking.wait_for(fail())


def test_a_time_out_of_the_coroutine_is_not_taken_for_ours():
    async def late():
        raise TimeoutError("late")

    with pytest.raises(TimeoutError, match="late"):
        blocking.wait_for(late())


def test_ctrl_c_ends_the_coroutine():
    cancelled = threading.Event()

    async def forever():
        try:
            await asyncio.sleep(0.2)
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(60)
        finally:
            cancelled.set()

    with pytest.raises(KeyboardInterrupt):
        blocking.wait_for(forever())

    assert cancelled.wait(5)


def test_an_asynchronous_source_is_read_one_by_one_and_closed():
    closed = threading.Event()

    async def numbers():
        try:
            for n in range(10):
                yield n
        finally:
            closed.set()

    reading = blocking.iterate_over(numbers())

    assert [next(reading), next(reading)] == [0, 1]
    reading.close()
    assert closed.wait(5)
    assert list(blocking.iterate_over(numbers())) == list(range(10))


def test_ctrl_c_closes_an_asynchronous_source_that_needs_time_to_end():
    closed = threading.Event()

    async def numbers():
        try:
            yield 1
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.1)
            closed.set()

    reading = blocking.iterate_over(numbers())
    next(reading)

    with pytest.raises(KeyboardInterrupt):
        next(reading)

    assert closed.is_set()


def test_ctrl_c_while_the_work_begins_cancels_it(monkeypatch):
    begun, cancelled = threading.Event(), threading.Event()
    start = asyncio.run_coroutine_threadsafe

    async def work():
        begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    def start_and_interrupt(*work_and_loop):
        start(*work_and_loop)
        assert begun.wait(60)
        raise KeyboardInterrupt

    monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", start_and_interrupt)

    with pytest.raises(KeyboardInterrupt):
        blocking.wait_for(work())

    assert cancelled.wait(30)


def test_a_source_that_is_given_up_in_the_loops_own_thread_holds_nothing_up():
    closed = threading.Event()

    async def numbers():
        try:
            yield 1
            yield 2
        finally:
            closed.set()

    reading = blocking.iterate_over(numbers())
    next(reading)

    blocking.call_in_loop(reading.close)

    assert closed.wait(5)
