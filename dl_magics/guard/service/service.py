"""The loop of the guard: look, decide, write down what it found, and stop the instance."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import cpu_sign, files, usage
from .decision import OK, STOP, WARN, Decision, Limits, Memory, Signals, begin, decide
from .pending_shutdown import PendingShutdown
from .settings import STATE_FILE, Settings, adopt_until, read_settings, update_settings
from .signals import Observer, list_terminals, read_clocks
from .spot import SpotWatch

LOCK_FILE = "lock"
PID_FILE = "pid"
GAP_TICKS = 4.0
WAKE = signal.SIGUSR1
WAKE_SECONDS = 5.0


class Guard:
    """The guard of a folder, which holds its settings and what it writes down."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._settings = read_settings(folder)
        self._boot = read_boot_id(self._settings)
        self._observer = Observer(self._settings)
        self._memory: Memory | None = None
        self._began = read_clocks()[1]
        self._warned = False
        self._pending = PendingShutdown()
        self._recall(files.read_json(folder / STATE_FILE))
        self._usages = usage.parse_usages(_read_text(folder / usage.FILE_NAME))
        if not self._usages or self._usages[-1].boot != self._boot:
            self._usages.append(usage.Usage(self._boot, time.time()))
        self._sign = cpu_sign.begin_sign(read_clocks()[0])
        self._works = False

    def run(self) -> None:
        """Look at each tick until the instance is stopped, and afterwards, should it fail."""
        SpotWatch(self._folder, self._boot, lambda: self._settings).start()
        while True:
            self._wait(self.tick())

    def tick(self) -> float:
        """Look once and act on it; return the seconds until the next look."""
        known = read_settings(self._folder, self._settings)
        self._settings = settings = adopt_until(known, self._boot, read_clocks()[1])
        signals = self._observer.look(settings)
        before = self._memory or begin(signals)
        limits = make_limits(settings, self._boot, self._began)
        gap = GAP_TICKS * settings.tick_seconds
        decision, self._memory = decide(before, signals, limits, longest_gap=gap)
        self._count_usage(signals.awake - before.seen, gap)
        self._sign.note(signals.awake, min(signals.awake - before.seen, gap), signals.cores)
        self._works = bool(signals.describe_movement())
        if decision.action != OK and not self._warned:
            left = decision.seconds_left or 0.0
            self._observer.request_checkpoints(settings, decision.state, left)
            _write_to_terminals(settings, decision)
        self._warned = decision.action != OK
        self._pending.update(decision, signals.boot, time.time())
        self._write_state(decision, signals)
        self._write_usage()
        if decision.action == STOP:
            os.sync()
            self._pending.shut_down()
        return _until_next(decision, settings)

    def _wait(self, seconds: float) -> None:
        """Wait until the next look, and use the CPU meanwhile if AWS must see that."""
        until = time.monotonic() + seconds
        while self._works and self._sign.is_due(time.monotonic()) and time.monotonic() < until:
            self._sign.note_burst(time.monotonic(), cpu_sign.use_cpu())
            if _wait(0.0):
                return
        _wait(max(until - time.monotonic(), 0.0))

    def _recall(self, state: dict[str, Any]) -> None:
        """Go on where a guard of this boot ended."""
        if state.get("boot_id") != self._boot:
            return
        with contextlib.suppress(KeyError, TypeError, ValueError):
            memory = Memory(**state["memory"])
            self._memory, self._began = memory, float(state["began"])
            self._pending = PendingShutdown(**state["pending"])
            self._warned = state["action"] == WARN

    def _write_state(self, decision: Decision, signals: Signals) -> None:
        assert self._memory
        state = {
            "boot_id": self._boot,
            "at": signals.boot,
            "began": self._began,
            "memory": asdict(self._memory),
            "pending": asdict(self._pending),
            "settings": asdict(self._settings),
            **asdict(decision),
        }
        # A full disk must not end the guard.
        with contextlib.suppress(OSError):
            files.write_json(self._folder / STATE_FILE, state)

    def _count_usage(self, seconds: float, gap: float) -> None:
        if 0 < seconds <= gap:
            self._usages[-1] = self._usages[-1].add_sample(seconds, self._observer.mean_gpu)

    def _write_usage(self) -> None:
        with contextlib.suppress(OSError):
            text = usage.format_usages(self._usages)
            files.replace_file(self._folder / usage.FILE_NAME, text.encode())


def make_limits(settings: Settings, boot_id: str, began: float) -> Limits:
    """Return the limits of the settings as times of this boot."""
    ends = []
    if settings.max_seconds is not None:
        noticed = settings.notice_until if settings.notice_boot == boot_id else 0.0
        ends.append(max(began + settings.max_seconds, noticed))
    if settings.until is not None and settings.until_boot == boot_id:
        ends.append(settings.until)
    kept = settings.keep_until if settings.keep_boot == boot_id else 0.0
    return Limits(
        idle=settings.idle_seconds,
        warning=settings.warning_seconds,
        hung=settings.hung_seconds,
        hard_end=min(ends, default=None),
        keep_until=kept,
    )


def read_boot_id(settings: Settings) -> str:
    """Return the boot id of the machine; "" if it is unknown."""
    return _read_text(Path(settings.boot_file)).strip()


def run_service(folder: Path) -> bool:
    """Run the guard of a folder; return False if one is running already."""
    with (folder / LOCK_FILE).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        signal.pthread_sigmask(signal.SIG_BLOCK, {WAKE})
        _prepare_folder(folder)
        Guard(folder).run()
    return True


def _prepare_folder(folder: Path) -> None:
    """Write down the process and the hard end of this boot; a full disk must not end the guard."""
    boot_id = read_boot_id(read_settings(folder))
    with contextlib.suppress(OSError):
        # The number in it may be that of another process now.
        (folder / PID_FILE).unlink()
    with contextlib.suppress(OSError):
        files.replace_file(folder / PID_FILE, str(os.getpid()).encode())
    with contextlib.suppress(OSError):
        now = read_clocks()[1]
        update_settings(folder, lambda its: adopt_until(Settings.from_values(its), boot_id, now))


def is_running(folder: Path) -> bool:
    """Whether a guard of this folder is running."""
    try:
        with (folder / LOCK_FILE).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _wait(seconds: float) -> bool:
    """Wait until the next look; a change of the settings ends it. Return whether one did."""
    woken: object = None
    if sys.platform == "linux":
        woken = signal.sigtimedwait({WAKE}, seconds)
    else:
        time.sleep(min(seconds, 1.0))
    return woken is not None


def wake(folder: Path) -> None:
    """Let the running guard of a folder look now, and wait until it has."""
    if not is_running(folder):
        return
    began = read_clocks()[1]
    with contextlib.suppress(OSError, ValueError):
        os.kill(int(_read_text(folder / PID_FILE)), WAKE)
        # A look that is just ending may not know the change.
        wait_for_look(folder, began)


def end_running(folder: Path) -> None:
    """End the guard that runs, so that another version can take its place."""
    deadline = time.monotonic() + WAKE_SECONDS
    while is_running(folder) and time.monotonic() < deadline:
        with contextlib.suppress(OSError, ValueError):
            os.kill(int(_read_text(folder / PID_FILE)), signal.SIGTERM)
        time.sleep(0.02)


def wait_for_look(folder: Path, since: float) -> None:
    """Wait until the guard of a folder has looked after this time of the boot clock."""
    deadline = time.monotonic() + WAKE_SECONDS
    while files.read_json(folder / STATE_FILE).get("at", 0.0) < since:
        if time.monotonic() > deadline:
            return
        time.sleep(0.02)


def _until_next(decision: Decision, settings: Settings) -> float:
    if decision.action == STOP or decision.seconds_left is None:
        return settings.tick_seconds
    return min(settings.tick_seconds, max(decision.seconds_left, 0.2))


def _write_to_terminals(settings: Settings, decision: Decision) -> None:
    left = (decision.seconds_left or 0) / 60
    text = f"\r\n*** dl_magics stops this instance in {left:.0f} min: {decision.reason} ***\r\n"
    for terminal in list_terminals(settings.terminal_folder):
        with contextlib.suppress(OSError):
            number = os.open(str(terminal), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
            try:
                os.write(number, text.encode())
            finally:
                os.close(number)


def _read_text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
