"""The magics for one EC2 instance: select, start, show, log in, resize, stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_magic, magics_class

from dl_magics.magics import prompts
from dl_magics.magics.arguments import argument, magic_arguments, parse_argstring
from dl_magics.magics.prompts import Notice

if TYPE_CHECKING:
    from dl_magics.actions.aws.explain import Script
    from dl_magics.core.instance import Instance, Instances
    from dl_magics.core.money import Receipt
    from dl_magics.magics.terminal import Terminal
    from dl_magics.ssh.commands import CommandResult

NAME = argument("name", nargs="?", help="name, id, type or GPU; default: the selected instance")
FULL_NAME = argument("name", nargs="?", help="full name or id; default: the selected instance")
_YES = argument("-y", "--yes", action="store_true", help="answer yes to the confirmation")
EXPLAIN = argument("--explain", action="store_true", help="show the commands that would be run")


@magics_class
class AwsMagics(Magics):
    """Select, start, use and stop an instance."""

    @magic_arguments()
    @NAME
    @line_magic
    def aws_get(self, line: str) -> Instance:
        """Select the instance that all other magics use, here and in notebooks opened later.

        ::

            %aws_get p2
            %aws_get T4
        """
        return _select_instance(parse_argstring(self.aws_get, line).name)

    @line_magic
    def aws_get_p2(self, line: str) -> Instance:
        """Select the p2 instance, by the magic of 2017.

        ::

            %aws_get_p2
            %aws_get p2        # the same
        """
        return _select_instance(line.strip() or "p2")

    @line_magic
    def aws_get_t2(self, line: str) -> Instance:
        """Select the t2 instance, by the magic of 2017.

        ::

            %aws_get_t2
            %aws_get t2        # the same
        """
        return _select_instance(line.strip() or "t2")

    @magic_arguments()
    @argument("--everywhere", action="store_true", help="list the instances of all regions")
    @EXPLAIN
    @line_magic
    def aws_list(self, line: str) -> Instances | Script:
        """List all instances of the account in the selected region, with their cost.

        ::

            %aws_list
            rented = %aws_list --everywhere
        """
        from dl_magics.actions.aws import context, explain, instances, regions

        args, current = parse_argstring(self.aws_list, line), context.load()
        if args.explain:
            return explain.list_script(current)
        read = regions.list_instances if args.everywhere else instances.list_instances
        return read(current)

    @magic_arguments()
    @NAME
    @EXPLAIN
    @line_magic
    def aws_state(self, line: str) -> Notice | Script:
        """Show the state of an instance: pending, running, stopping, stopped, terminated.

        ::

            %aws_state
            %aws_state my-gpu
        """
        from dl_magics.actions.aws import context, explain

        args = parse_argstring(self.aws_state, line)
        current = context.load()
        instance = current.resolve_instance(args.name)
        return explain.state_script(current, instance) if args.explain else Notice(instance.state)

    @magic_arguments()
    @NAME
    @EXPLAIN
    @line_magic
    def aws_ip(self, line: str) -> Notice | Script:
        """Show the public IP address of a running instance.

        ::

            %aws_ip
            address = %aws_ip my-gpu
        """
        from dl_magics.actions.aws import access, context, explain

        args, current = parse_argstring(self.aws_ip, line), context.load()
        instance = current.resolve_instance(args.name)
        if args.explain:
            return explain.ip_script(current, instance)
        return Notice(access.resolve_target(current, instance).host)

    @magic_arguments()
    @FULL_NAME
    @argument("--wait", default="0", help="retry for this time if AWS has no capacity: 2h")
    @EXPLAIN
    @line_magic
    def aws_start(self, line: str) -> Instance | Script:
        """Start an instance, open port 22 to your IP address, and wait until SSH answers.

        ::

            %aws_start
            %aws_start my-gpu --wait 20m
        """
        from dl_magics.actions.aws import context, explain, instances
        from dl_magics.core import duration

        args = parse_argstring(self.aws_start, line)
        wait_seconds = duration.parse_option("--wait", args.wait, zero=True) or 0
        current = context.load()
        if args.explain:
            return explain.start_script(current, current.resolve_instance(args.name, exact=True))
        print(f"In {current.profile_and_region}:")
        return prompts.print_until_done(
            instances.start(current, args.name, wait_seconds=wait_seconds)
        )

    @magic_arguments()
    @FULL_NAME
    @EXPLAIN
    @line_magic
    def aws_stop(self, line: str) -> Receipt | Instance | Script:
        """Stop an instance and show what it cost; its disk is kept.

        ::

            %aws_stop
            %aws_stop my-gpu
        """
        from dl_magics.actions.aws import context, explain, instances

        args, current = parse_argstring(self.aws_stop, line), context.load()
        if args.explain:
            return explain.stop_script(current, current.resolve_instance(args.name, exact=True))
        print(f"In {current.profile_and_region}:")
        seen = list(prompts.print_changes(instances.stop(current, args.name)))
        return seen[-1].receipt(seen[-1].seen_at) if seen[0].costs_money else seen[-1]

    @magic_arguments()
    @argument("command", nargs="*", help="command to run; without it a terminal opens")
    @argument("--name", "-n", help="name, id, type or GPU; default: the selected instance")
    @argument("--trust", action="store_true", help="show the host key, confirm it, and pin it")
    @_YES
    @EXPLAIN
    @line_magic
    def aws_ssh(self, line: str) -> CommandResult | Script | Terminal:
        """Run one command on the instance, or open a terminal on it, or show the ssh command.

        Options come before the command. The ssh command is shown where no terminal can open.

        ::

            %aws_ssh
            %aws_ssh nvidia-smi
        """
        from dl_magics.actions.aws import context, explain, instances
        from dl_magics.actions.gpu.host import SshHost
        from dl_magics.magics import terminal

        options, command = _split(line)
        args = parse_argstring(self.aws_ssh, options)
        current = context.load()
        instance = current.resolve_instance(args.name)
        if args.trust:
            prompts.trust_host_key(SshHost(alias=instance.id, name=instance.name), yes=args.yes)
        if args.explain:
            return explain.ssh_script(current, instance, command)
        if not command:
            return terminal.open_terminal(current, instance) or explain.ssh_script(
                current, instance, command
            )
        return instances.run_command(current, command, instance.id)

    @magic_arguments()
    @argument("type", nargs="?", help="new instance type; without it the current one is shown")
    @FULL_NAME
    @_YES
    @EXPLAIN
    @line_magic
    def aws_resize(self, line: str) -> Instance | Script:
        """Change the instance type; disk and name are kept. A running instance is restarted.

        ::

            %aws_resize g4dn.xlarge
            %aws_resize t2.micro my-gpu -y
        """
        from dl_magics.actions.aws import context, explain, instances

        args = parse_argstring(self.aws_resize, line)
        current = context.load()
        instance = instances.add_price(current, current.resolve_instance(args.name, exact=True))
        if args.explain and args.type:
            return explain.resize_script(current, instance, args.type)
        if not args.type or args.type == instance.type:
            return instance
        question = instances.resize_question(current, args.type, instance)
        prompts.confirm(question, yes=args.yes)
        return prompts.print_until_done(instances.resize(current, args.type, instance.id))


def _select_instance(word: str | None) -> Instance:
    from dl_magics.actions.aws import context, instances

    return instances.select_instance(context.load(), word)


def _split(line: str) -> tuple[str, str]:
    """Return the options at the start of a line, and the unchanged command after them."""
    words = line.split()
    count = 0
    while count < len(words) and words[count].startswith("-"):
        count += 2 if words[count] in ("-n", "--name") else 1
    if count > len(words):
        raise UsageError(f"%aws_ssh: {words[-1]} needs a name")
    rest = line.split(maxsplit=count) if count else [line]
    return " ".join(words[:count]), rest[count] if len(rest) > count else ""
