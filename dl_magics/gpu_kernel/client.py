"""A kernel on a host, for synchronous code; no message is lost when the link breaks."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any, Literal

from dl_magics.errors import DLMagicsError, KernelDied
from dl_magics.gpu_kernel import deploy
from dl_magics.gpu_kernel.agent_connection import AgentConnection
from dl_magics.gpu_kernel.agent_transport import retry_on_fresh_connection, run_agent_command
from dl_magics.gpu_kernel.cuda_env import LET_SEE
from dl_magics.gpu_kernel.journal_entry import JournalEntry, build_request
from dl_magics.gpu_kernel.pending_requests import Message, PendingRequest, PendingRequests
from dl_magics.gpu_kernel.replay import read_journal
from dl_magics.gpu_kernel.subscribers import Subscribers
from dl_magics.ssh import blocking, connection
from dl_magics.ssh.target import SshTarget

State = Literal["starting", "idle", "busy", "dead", "lost", "gone", "stopped"]


class GpuKernel:
    """A kernel on a host and the `link` to it. Created by `attach`."""

    def __init__(
        self, find: Callable[[], SshTarget], run_dir: str, python: str, over: AgentConnection
    ) -> None:
        self.run_dir = run_dir
        self._reading = partial(AgentConnection, find, run_dir, python)
        self.link = over
        self.waiting: Callable[[], object] = lambda: None  # called while a reply is pending
        self._answers = PendingRequests()
        self._watchers = Subscribers()
        self._session = uuid.uuid4().hex
        self._asked_for_input: Message = {}
        self._following = asyncio.ensure_future(self._follow())

    @classmethod
    def attach(
        cls,
        find: Callable[[], SshTarget],
        run_dir: str,
        python: str,
        cwd: str | None = None,
        activate: str = "",
    ) -> GpuKernel:
        """Attach to the kernel of `run_dir`; start one if none is running.

        Parameters
        ----------
        find
            Returns the current SSH target; called again when the host does not respond.
        run_dir
            The kernel's folder on the host; `~/` is the home folder. Keep the path short.
        python
            The interpreter on the host; it must have ipykernel.
        cwd
            The kernel's working directory; None is the home folder.
        activate
            A line of bash to run before the kernel, such as one that activates an environment.
        """

        async def started() -> tuple[str, dict[str, Any]]:
            folder = await deploy.upload_agent(login, run_dir)
            remote = await connection.connect_shared(login)
            with connection.translate_errors(login):
                how = ["--python", python, "--cwd", cwd or "", "--activate", activate + LET_SEE]
                return folder, await run_agent_command(
                    remote, deploy.build_command(folder, python, "start", *how)
                )

        async def attached() -> GpuKernel:
            folder, status = await retry_on_fresh_connection(started, login)
            if status["state"] == "gone":
                raise KernelDied(
                    f"The kernel did not start on {login.name}: {status['why']}",
                    fix=f"{python} on the host needs ipykernel: %gpu_connect --setup installs it.",
                )
            over = AgentConnection(find, folder, python, status["n"], name=uuid.uuid4().hex)
            kernel = cls(find, folder, python, over)
            coming = kernel._watchers.watch()
            await over.attached()
            if status["state"] == "starting":
                await coming.ready(after=status["n"])
            elif status["state"] == "dead":
                await kernel._restart()
            coming.close()
            return kernel

        login = find()
        return blocking.wait_for(attached())

    @property
    def state(self) -> State:
        """The state of the kernel; the state of the link while it is not attached."""
        if self.link.state != "attached":
            return self.link.state
        state: State = self.link.status["state"]
        return state

    @property
    def n(self) -> int:
        """The number of the last journal entry received."""
        return self.link.n

    def execute(
        self,
        code: str,
        *,
        allow_stdin: bool = False,
        store_history: bool = True,
        silent: bool = False,
        user_expressions: dict[str, str] | None = None,
        msg_id: str | None = None,
    ) -> PendingRequest:
        """Run code in the kernel; iterate over the result to receive its messages."""
        content = {
            "code": code,
            "silent": silent,
            "store_history": store_history,
            "user_expressions": user_expressions or {},
            "allow_stdin": allow_stdin,
            "stop_on_error": True,
        }
        return self._ask("shell", "execute_request", content, msg_id=msg_id)

    def resume(self, msg_id: str, since: int) -> Iterator[Message]:
        """Yield the messages of an older request that came after entry `since`.

        `since` is the number of the last entry received; 0 means from the beginning.
        """
        answers = PendingRequests()
        answer = answers.expect(
            PendingRequest(msg_id, None, lambda: self.waiting()), accepted_at=since or None
        )

        async def feed() -> None:
            async for entry in read_journal(self._reading, since, follow=True):
                answers.take(entry)
                if not answers.waits_for(msg_id):
                    return

        feeding = blocking.start_task(feed())
        try:
            yield from answer
        finally:
            feeding.cancel()

    def request(
        self, channel: str, msg_type: str, content: Message, seconds: float | None = None
    ) -> Message:
        """Send a request, such as a completion or an inspection; return its reply."""
        answer = self._ask(channel, msg_type, content, seconds=seconds)
        (reply,) = [message for message in answer if message["channel"] == channel]
        return reply

    def input_reply(self, text: str) -> None:
        """Answer the last `input_request`."""
        message = build_request(self._session, "input_reply", {"value": text})
        self.send("stdin", {**message, "parent_header": self._asked_for_input.get("header", {})})

    def send(self, channel: str, message: Message) -> None:
        """Send any Jupyter message to the kernel, exactly once."""
        blocking.call_in_loop(self.link.send, channel, message)

    def interrupt(self) -> None:
        """Interrupt the kernel; while the link is lost, as soon as it is back."""
        blocking.call_in_loop(self.link.wish, "interrupt")

    def restart(self) -> None:
        """End the kernel, start a new one and wait until it is ready."""
        blocking.wait_for(self._restart())

    def shutdown(self) -> None:
        """Shut down the kernel and its agent; the journal stays on the host."""
        blocking.wait_for(self._shutdown())
        self.close()

    def entries(self) -> AsyncIterator[JournalEntry]:
        """Return the entries received from now on; iterate in the thread of the event loop."""
        return blocking.call_in_loop(self._watchers.watch).all()

    def close(self) -> None:
        """Detach; the kernel keeps running."""
        blocking.wait_for(self.link.close())
        blocking.call_in_loop(self._following.cancel)

    async def _follow(self) -> None:
        try:
            async for entry in self.link.entries():
                if entry.kind == "input_request":
                    self._asked_for_input = entry.message
                self._answers.take(entry)
                self._watchers.tell(entry)
        except DLMagicsError as error:
            self._answers.fail(error)
        finally:
            self._watchers.tell(None)

    def _ask(
        self,
        channel: str,
        msg_type: str,
        content: Message,
        *,
        seconds: float | None = None,
        msg_id: str | None = None,
    ) -> PendingRequest:
        message = build_request(self._session, msg_type, content, msg_id)
        answer = PendingRequest(message["header"]["msg_id"], seconds, lambda: self.waiting())

        def ask() -> None:
            self._answers.expect(answer)
            self.link.send(channel, message)

        blocking.call_in_loop(ask)
        return answer

    async def _restart(self) -> None:
        coming = self._watchers.watch()
        at = await coming.fulfilled(self.link.wish("restart"))
        await coming.ready(after=at)
        coming.close()

    async def _shutdown(self) -> None:
        coming = self._watchers.watch()
        await coming.fulfilled(self.link.wish("shutdown"))
