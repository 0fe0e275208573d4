"""What magics share: questions, passphrases, text and progress, the restart of the kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from IPython.core.getipython import get_ipython

from dl_magics.errors import NotConfirmed
from dl_magics.magics.display.front_end import server_runs_cells
from dl_magics.magics.display.plain_text import format_html
from dl_magics.magics.display.updatable import print_line
from dl_magics.magics.interrupts.explain import explaining

if TYPE_CHECKING:
    from dl_magics.actions.gpu.host import SshHost
    from dl_magics.core.instance import Instance
    from dl_magics.ssh.keys import PassphraseRequired

T = TypeVar("T")


class Notice(str):
    """A string that IPython displays without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return format_html(self)


def confirm(question: str, *, yes: bool, flag: str = "-y") -> None:
    """Ask for confirmation; raise NotConfirmed if it is denied or if nobody can be asked.

    A question of several lines is shown first: the prompt of a terminal and of Jupyter has one.
    """
    if yes:
        print_line(question)
        return
    ask = _ask_in_browser if server_runs_cells(get_ipython()) else _ask
    unanswered = "Nothing was changed: the question was not answered."
    with explaining(lambda: (unanswered, f"{flag} skips the confirmation.")):
        agreed = ask(question, flag)
    if not agreed:
        raise NotConfirmed("Nothing was changed.", fix=f"{flag} skips the confirmation.")


def print_changes(changes: Iterator[Instance], where: str = "") -> Iterator[Instance]:
    """Yield each instance of `changes`, printed where it differs; the first with its account."""
    prefix = f"In {where}: " if where else ""
    printed = ""
    for instance in changes:
        if printed != (printed := str(instance)):
            print_line(f"{prefix}{printed}")
            prefix = ""
        yield instance


def print_until_done(changes: Iterator[Instance], where: str = "") -> Instance:
    """Print each instance of `changes` as `print_changes` does; return the last one."""
    *_, last = print_changes(changes, where)
    return last


def trust_host_key(host: SshHost, *, yes: bool) -> None:
    """Show the host key of a host not launched by dl_magics, ask for confirmation, pin it.

    Jump hosts whose keys are unknown come first, each with its own question.
    """
    from dl_magics.actions.gpu import host_key

    pinned: set[str] = set()
    while host.alias not in pinned:
        offer = host_key.fetch_offered_key(host)
        if offer.alias in pinned:
            raise host_key.changed_again(offer)
        confirm(offer.question, yes=yes)
        host_key.pin_key(offer)
        pinned.add(offer.alias)


def with_passphrase(connect: Callable[[], T]) -> T:
    """Call a function that connects to a host; ask for the passphrase of each encrypted key once.

    Raises
    ------
    PassphraseRequired
        if input is not available.
    """
    from dl_magics.ssh import keys

    asked: set[str] = set()
    while True:
        try:
            return connect()
        except keys.PassphraseRequired as error:
            if error.key_file in asked:
                raise
            asked.add(error.key_file)
            keys.remember_passphrase(Path(error.key_file), _ask_passphrase(error))


def _ask_passphrase(required: PassphraseRequired) -> str:
    import getpass

    try:
        return getpass.getpass(f"Passphrase of {required.key_file}: ")
    except (EOFError, OSError, RuntimeError) as error:
        # RuntimeError: ipykernel's StdinNotImplementedError and NotImplementedError.
        raise required from error


def kernel_restarter(shell: Any) -> Callable[[], object] | None:
    """Return a function that makes Jupyter restart the kernel; None outside a kernel."""
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return None
    # Clicks in JupyterLab arrive in a subshell's thread: only `add_callback` wakes the main loop.
    return partial(kernel.io_loop.add_callback, kernel.do_shutdown, restart=True)


def _ask(question: str, flag: str) -> bool:
    is_long = "\n" in question
    if is_long:
        print_line(question)
    try:
        answer = input("Do it? [y/N] " if is_long else f"{question} — do it? [y/N] ")
    except (EOFError, OSError, RuntimeError) as error:
        # RuntimeError: ipykernel's StdinNotImplementedError and NotImplementedError.
        raise _input_unavailable(question, flag) from error
    return answer.strip().lower() in ("y", "yes")


def _ask_in_browser(question: str, flag: str) -> bool:
    """Ask by a dialog of JupyterLab; the cell shows the question too, which the notebook keeps."""
    from dl_magics.magics import browser_question

    ask = "\nDo it?" if "\n" in question else " — do it?"
    print_line(f"{question}{ask} A dialog of JupyterLab asks.")
    answer = browser_question.ask_person(question)
    if answer is None:
        raise _input_unavailable(question, flag)
    if answer:
        print_line("Confirmed in JupyterLab.")
    return answer


def _input_unavailable(question: str, flag: str) -> NotConfirmed:
    what = question.partition("\n")[0].removesuffix(":")
    return NotConfirmed(
        f"{what} — confirmation required, but input is not available.",
        fix=f"Add {flag} to the line to skip the confirmation.",
    )
