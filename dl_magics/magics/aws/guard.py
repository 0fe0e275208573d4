"""The magics of the guard, which stops an instance that nobody uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython.core.magic import Magics, line_magic, magics_class

from dl_magics.magics import prompts
from dl_magics.magics.arguments import argument, magic_arguments, parse_argstring
from dl_magics.magics.aws.options import EXPLAIN, FULL_NAME, NAME
from dl_magics.magics.help.groups import HelpGroup, help_group
from dl_magics.magics.prompts import Notice

if TYPE_CHECKING:
    from dl_magics.actions.aws.check import CheckResult
    from dl_magics.actions.aws.context import Context
    from dl_magics.actions.aws.explain.shell import Script
    from dl_magics.core.instance import Instance


@magics_class
class GuardMagics(Magics):
    """Say when an instance stops automatically."""

    @help_group(HelpGroup.STOP)
    @magic_arguments()
    @argument("timeout", nargs="?", help="30 (minutes), 2h, off or scaled; without it: show it")
    @FULL_NAME
    @EXPLAIN
    @line_magic
    def idle_timeout(self, line: str) -> Notice | Script:
        """Show or set after how long without work an instance is stopped, its laptop off or not.

        Work is a cell or run that goes on, use of GPU, CPU or network, and typing in a login; an
        open connection, browser or kernel is not. `scaled` stops after $0.50 of idle time, between
        10 and 30 minutes. With a name it changes that instance only, else the selected one, if that
        runs, and all that are launched later.

        ::

            %idle_timeout 45
            %idle_timeout off my-gpu
        """
        from dl_magics.actions.aws import context
        from dl_magics.actions.aws.guard import limits
        from dl_magics.errors import HostKeyRefused, WrongState

        args = parse_argstring(self.idle_timeout, line)
        if args.explain:
            return _explain_timeout(args.timeout, args.name)
        if args.timeout is None:
            return Notice(f"Idle timeout: {limits.describe_idle_timeout()}")
        limits.parse_idle(args.timeout, None, name="%idle_timeout")
        current = context.load()
        if args.name:
            named = current.resolve_instance(args.name, exact=True)
            return Notice(_change_timeout(current, named, args.timeout))
        changed, refused = "", None
        try:
            changed = _change_selected(current, args.timeout)
        except (HostKeyRefused, WrongState) as error:
            # It has no guard of ours, which instances that are launched later have.
            refused = error
        limits.store_idle_timeout(args.timeout)
        stored = (
            f"Idle timeout of instances that are launched from now on: "
            f"{limits.describe_idle_timeout()}."
        )
        if refused:
            raise type(refused)(f"{refused} {stored}", fix=refused.fix) from refused
        return Notice(f"{stored}\n{changed}".rstrip())

    @help_group(HelpGroup.STOP)
    @magic_arguments()
    @argument("time", nargs="?", help="30 (minutes), 1h or off; without it: show it")
    @FULL_NAME
    @EXPLAIN
    @line_magic
    def aws_keep(self, line: str) -> Notice | Script:
        """Keep an idle instance running for some time; an end that was set stays.

        ::

            %aws_keep 1h
            %aws_keep off my-gpu
        """
        from dl_magics.actions.aws import context
        from dl_magics.actions.aws.explain import guard
        from dl_magics.actions.aws.guard import control, safety
        from dl_magics.core import duration

        args = parse_argstring(self.aws_keep, line)
        current = context.load(remembers=not args.explain)
        instance = current.resolve_instance(args.name, exact=args.time is not None)
        if args.time is None and args.explain:
            return guard.ask_script(current, instance)
        if args.time is None:
            status = control.read_status(current, instance)
            text = safety.describe_stop(status) if status else "it has no guard"
            return Notice(f"{instance.name}: {text}.")
        seconds = duration.parse_option("%aws_keep", args.time, off=True)
        if args.explain:
            return guard.ask_script(current, instance, {"keep_seconds": seconds})
        change = control.keep_running(current, instance, seconds)
        return Notice(f"{instance.name}: {safety.describe_change(change)}")

    @help_group(HelpGroup.STOP)
    @magic_arguments()
    @NAME
    @argument("--rehearse", action="store_true", help="see a guard stop a practice instance")
    @EXPLAIN
    @line_magic
    def aws_safety(self, line: str) -> CheckResult | Instance | Script:
        """Show what stops an instance automatically: armed or not, and when it would stop it.

        ::

            %aws_safety
            %aws_safety --rehearse
        """
        from dl_magics.actions.aws import context
        from dl_magics.actions.aws.explain import guard
        from dl_magics.actions.aws.guard import rehearsal, safety
        from dl_magics.errors import BadSetting

        args = parse_argstring(self.aws_safety, line)
        current = context.load(remembers=not args.explain)
        if args.explain and args.rehearse:
            raise BadSetting(
                "--rehearse is not explained: it launches an instance of the practice cloud.",
                fix="Leave one out: %aws_safety --rehearse · %aws_safety --explain",
            )
        if args.explain:
            return guard.safety_script(current, current.resolve_instance(args.name))
        if args.rehearse:
            return prompts.print_until_done(rehearsal.rehearse(current))
        return safety.check_safety(current, current.resolve_instance(args.name))


def _change_selected(current: Context, timeout: str) -> str:
    """Change the idle timeout of the selected instance if it runs, and say so."""
    if not current.selected_id:
        return ""
    instance = current.resolve_instance(exact=True)
    if instance.state == "running":
        return _change_timeout(current, instance, timeout)
    return f"{instance.name} is {instance.state} and keeps its own: repeat the line while it runs."


def _change_timeout(current: Context, instance: Instance, timeout: str) -> str:
    from dl_magics.actions.aws.guard import control, limits, safety

    seconds = limits.parse_idle(timeout, instance.dollars_per_hour, name="%idle_timeout")
    change = control.change_idle_timeout(current, instance, seconds)
    return f"{instance.name}: {safety.describe_change(change)}"


def _explain_timeout(timeout: str | None, name: str | None) -> Script:
    from dl_magics.actions.aws import context
    from dl_magics.actions.aws.explain import guard
    from dl_magics.actions.aws.guard import limits

    current = context.load(remembers=False)
    instance = current.resolve_instance(name, exact=True) if name or current.selected_id else None
    if timeout is None or instance is None or not (name or instance.state == "running"):
        return guard.idle_script(current, None, {} if timeout else None)
    changes = {
        "idle_seconds": limits.parse_idle(timeout, instance.dollars_per_hour, name="%idle_timeout")
    }
    if name:
        return guard.ask_script(current, instance, changes)
    return guard.idle_script(current, instance, changes)
