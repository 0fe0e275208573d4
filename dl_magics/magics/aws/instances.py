"""The magics that select, list and show EC2 instances, and log in to them."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from IPython.core.magic import Magics, line_magic, magics_class

from dl_magics.errors import BadSetting
from dl_magics.magics import prompts
from dl_magics.magics.arguments import argument, magic_arguments, parse_argstring
from dl_magics.magics.aws.options import EXPLAIN, NAME, YES
from dl_magics.magics.help.groups import HelpGroup, help_group
from dl_magics.magics.interrupts.explain import explaining
from dl_magics.magics.prompts import Notice

if TYPE_CHECKING:
    from dl_magics.actions.aws.explain.shell import Script
    from dl_magics.core.instance import Instance, Instances
    from dl_magics.magics.terminal import Terminal
    from dl_magics.ssh.commands import CommandResult


@magics_class
class InstanceMagics(Magics):
    """Select, show and use an instance."""

    @help_group(HelpGroup.RENT)
    @magic_arguments()
    @NAME
    @argument("--user", help="login user; default: that of its image; none resets it")
    @argument("--identity", help="private key file to log in with; none resets it")
    @argument("--guard", action="store_true", help="install the guard, which stops it when idle")
    @EXPLAIN
    @line_magic
    def aws_get(self, line: str) -> Instance | Script:
        """Select the instance that all other magics use, here and in notebooks opened later.

        --user and --identity are kept for this instance: all magics that log in to it use them.
        --guard installs the guard on an instance that dl_magics did not launch.

        ::

            %aws_get T4
            %aws_get thesis --user rocky --identity ~/.ssh/thesis.pem --guard
        """
        from dl_magics.actions.aws import context
        from dl_magics.actions.aws.guard import control, limits, safety
        from dl_magics.core.typed_name import quote_name

        args = parse_argstring(self.aws_get, line)
        found = _select_instance(args)
        if isinstance(found, str):
            return found
        if args.guard:
            options = limits.LimitOptions().resolve(found.dollars_per_hour)
            change = control.install_guard(context.load(), found, options)
            print(f"{found.name}: {safety.describe_change(change)}")
        elif found.costs_money and not found.ours:
            typed = quote_name(found.name, found.id)
            print(f"dl_magics did not launch it. %aws_get {typed} --guard stops it when idle.")
        return found

    @help_group(HelpGroup.RENT)
    @magic_arguments()
    @argument("name", nargs="?", default="p2", help="name, id, type or GPU (%(default)s)")
    @EXPLAIN
    @line_magic
    def aws_get_p2(self, line: str) -> Instance | Script:
        """Select the p2 instance, by the magic of 2017.

        ::

            %aws_get_p2            # as %aws_get p2
            %aws_get_p2 --explain
        """
        return _select_instance(parse_argstring(self.aws_get_p2, line))

    @help_group(HelpGroup.RENT)
    @magic_arguments()
    @argument("name", nargs="?", default="t2", help="name, id, type or GPU (%(default)s)")
    @EXPLAIN
    @line_magic
    def aws_get_t2(self, line: str) -> Instance | Script:
        """Select the t2 instance, by the magic of 2017.

        ::

            %aws_get_t2            # as %aws_get t2
            %aws_get_t2 --explain
        """
        return _select_instance(parse_argstring(self.aws_get_t2, line))

    @help_group(HelpGroup.RENT)
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
        from dl_magics.actions.aws import context, instances, regions
        from dl_magics.actions.aws.explain import scripts

        args = parse_argstring(self.aws_list, line)
        current = context.load(remembers=not args.explain)
        if args.explain:
            return scripts.list_script(current, everywhere=args.everywhere)
        read = regions.list_instances if args.everywhere else instances.list_instances
        return read(current)

    @help_group(HelpGroup.RENT)
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
        from dl_magics.actions.aws import context
        from dl_magics.actions.aws.explain import scripts

        args = parse_argstring(self.aws_state, line)
        current = context.load(remembers=not args.explain)
        instance = current.resolve_instance(args.name)
        return scripts.state_script(current, instance) if args.explain else Notice(instance.state)

    @help_group(HelpGroup.RENT)
    @magic_arguments()
    @NAME
    @EXPLAIN
    @line_magic
    def aws_ip(self, line: str) -> Notice | Script:
        """Show the IP address of a running instance: the public one, else the private one.

        ::

            %aws_ip
            address = %aws_ip my-gpu
        """
        from dl_magics.actions.aws import access, context
        from dl_magics.actions.aws.explain import scripts

        args = parse_argstring(self.aws_ip, line)
        current = context.load(remembers=not args.explain)
        instance = current.resolve_instance(args.name)
        if args.explain:
            return scripts.ip_script(current, instance)
        return Notice(access.resolve_target(current, instance).host)

    @help_group(HelpGroup.CONNECT)
    @magic_arguments()
    @argument("command", nargs="*", help="command to run; without it a terminal opens")
    @argument("--name", "-n", help="name, id, type or GPU; default: the selected instance")
    @argument("--trust", action="store_true", help="show the host key, confirm it, and pin it")
    @YES
    @EXPLAIN
    @line_magic
    def aws_ssh(self, line: str) -> CommandResult | Script | Terminal:
        """Run one command on the instance, or open a terminal on it, or show the ssh command.

        Options come before the command. The ssh command is shown where no terminal can open.

        ::

            %aws_ssh
            %aws_ssh nvidia-smi
        """
        from dl_magics.actions.aws import context, instances
        from dl_magics.actions.aws.explain import scripts
        from dl_magics.actions.gpu.host import SshHost
        from dl_magics.magics import terminal

        options, command = _split(line)
        args = parse_argstring(self.aws_ssh, options)
        current = context.load(remembers=not args.explain)
        instance = current.resolve_instance(args.name)
        if args.trust and args.explain:
            return scripts.trust_script(current, instance)
        if args.trust:
            prompts.trust_host_key(SshHost(alias=instance.id, name=instance.name), yes=args.yes)
        if args.explain:
            return scripts.ssh_script(current, instance, command)
        if not command:
            return terminal.open_terminal(current, instance) or scripts.ssh_script(
                current, instance, command
            )
        with explaining(
            lambda: (
                f"Interrupted here: '{command}' may still run on {instance.name}.",
                "%aws_ssh ps -ef shows what runs there.",
            )
        ):
            return instances.run_command(current, command, instance.id)


def _select_instance(args: Namespace) -> Instance | Script:
    from dl_magics.actions.aws import context, instances
    from dl_magics.actions.aws.explain import reads

    current = context.load(remembers=not args.explain)
    login = {"user": getattr(args, "user", None), "identity": getattr(args, "identity", None)}
    if args.explain:
        guards = getattr(args, "guard", False)
        return reads.select_script(current, args.name, **login, guards=guards)
    return instances.select_instance(current, args.name, **login)


def _split(line: str) -> tuple[str, str]:
    """Return the options at the start of a line, and the unchanged command after them."""
    words = line.split()
    count = 0
    while count < len(words) and words[count].startswith("-"):
        count += 2 if words[count] in ("-n", "--name") else 1
    if count > len(words):
        raise BadSetting(
            f"%aws_ssh: {words[-1]} needs a name.", fix="%aws_ssh --name gpu nvidia-smi"
        )
    rest = line.split(maxsplit=count) if count else [line]
    return " ".join(words[:count]), rest[count] if len(rest) > count else ""
