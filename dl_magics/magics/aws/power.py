"""The magics that start, stop, resize and terminate an EC2 instance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython.core.magic import Magics, line_magic, magics_class

from dl_magics.errors import BadSetting
from dl_magics.magics import prompts
from dl_magics.magics.arguments import argument, magic_arguments, parse_argstring
from dl_magics.magics.aws.options import ALLOW_FROM, EXPLAIN, FULL_NAME, MAX_DURATION, UNTIL, YES
from dl_magics.magics.help.groups import HelpGroup, help_group

if TYPE_CHECKING:
    from dl_magics.actions.aws.explain.shell import Script
    from dl_magics.core.billing.receipt import Receipt, Receipts
    from dl_magics.core.instance import Instance


@magics_class
class PowerMagics(Magics):
    """Start, stop, resize and terminate an instance."""

    @help_group(HelpGroup.RENT)
    @magic_arguments()
    @FULL_NAME
    @argument("--wait", default="0", help="retry for this time if AWS has no capacity: 2h")
    @MAX_DURATION
    @UNTIL
    @ALLOW_FROM
    @YES
    @EXPLAIN
    @line_magic
    def aws_start(self, line: str) -> Instance | Script:
        """Start an instance, open port 22 to your IP address, and wait until SSH answers.

        It shows the cost and asks for confirmation, unless the instance runs already. With --until
        or --max-duration its guard stops it then, whatever it does, five minutes after a warning.
        --max-duration holds for each later start, too: `--max-duration off` removes it, as `--until
        off` removes the other. --wait does not wait beyond --until.

        ::

            %aws_start
            %aws_start my-gpu --wait 20m --until 23:00 -y
        """
        from dl_magics.actions.aws import account, context, instances
        from dl_magics.actions.aws.explain import scripts
        from dl_magics.actions.aws.guard import ends, limits
        from dl_magics.core import duration
        from dl_magics.magics.interrupts import instances as interrupted

        args = parse_argstring(self.aws_start, line)
        wait_seconds = duration.parse_option("--wait", args.wait, zero=True) or 0
        options = limits.LimitOptions(max_duration=args.max_duration, until=args.until)
        options.resolve_ends()
        current = context.load(remembers=not args.explain)
        if args.allow_from:
            current = account.allow_from(current, args.allow_from)
        instance = current.resolve_instance(args.name, exact=True)
        if args.explain:
            return scripts.start_script(current, instance, options)
        where = current.profile_and_region
        question = instances.start_question(current, instance, options)
        if question := question or ends.describe_short_notice(current, [instance], options):
            prompts.confirm(question, yes=args.yes)
            where = ""
        options.check_ahead()
        if args.allow_from:
            account.store_allow_from(current)
        with interrupted.explaining_start(current, instance, options.words):
            changes = instances.start(
                current, instance.id, wait_seconds=wait_seconds, asked=options
            )
            return prompts.print_until_done(ends.set_after(current, changes, options), where)

    @help_group(HelpGroup.STOP)
    @magic_arguments()
    @FULL_NAME
    @argument("--when-done", action="store_true", help="wait for the runs on it and their results")
    @argument("--crew", metavar="NAME", help="stop all that run of NAME-1, NAME-2, …")
    @EXPLAIN
    @line_magic
    def aws_stop(self, line: str) -> Receipt | Receipts | Instance | Script:
        """Stop an instance and show the receipt; its disk is kept.

        The receipt has the time, the dollars of the instance, its IPv4 address and its disks, each
        with the day of its price, and in how much of that time the GPU was busy, by its guard. Runs
        that had not ended are named, with what continues them.

        With --when-done the cell waits until the runs on the instance have ended and their models
        are on this computer and checked. If they are not, or if a cell of a notebook runs there,
        the instance stays up, its guard stops it after at most 10 idle minutes, and the cell fails
        and says why. Ctrl-C ends the wait and changes nothing.

        ::

            %aws_stop
            %aws_stop my-gpu --when-done
            %aws_stop --crew crew
        """
        from dl_magics.actions.aws import context, instances
        from dl_magics.actions.aws.explain import scripts
        from dl_magics.magics.aws import stopping
        from dl_magics.magics.interrupts import instances as interrupted

        args = parse_argstring(self.aws_stop, line)
        if args.crew and (args.name or args.when_done):
            raise BadSetting(
                f"--crew {args.crew} stops a crew, and goes with neither a name nor --when-done.",
                fix=f"%aws_stop --crew {args.crew}",
            )
        with interrupted.explaining_search("stopped"):
            current = context.load(remembers=not args.explain)
            if args.crew:
                found = instances.list_running(current, args.crew)
            else:
                found = [current.resolve_instance(args.name, exact=True)]
        if args.explain:
            return scripts.stop_script(current, *found)
        if args.crew:
            return stopping.stop_crew(current, found)
        if args.when_done:
            stopping.wait_for_runs(current, found[0])
        return stopping.stop_instance(current, found[0])

    @help_group(HelpGroup.RENT)
    @magic_arguments()
    @argument("type", nargs="?", help="new instance type; without it the current one is shown")
    @FULL_NAME
    @YES
    @EXPLAIN
    @line_magic
    def aws_resize(self, line: str) -> Instance | Script:
        """Change the instance type; disk and name are kept. A running instance is restarted.

        If it was interrupted between the stop and the start, the same line finishes it.

        Nothing is stopped if the new type cannot work: quota, zone, architecture, network adapter,
        driver of its image.

        ::

            %aws_resize g4dn.xlarge
            %aws_resize t2.micro my-gpu -y
        """
        from dl_magics.actions.aws import context, instances, resize
        from dl_magics.actions.aws.explain import scripts
        from dl_magics.actions.runs import runs
        from dl_magics.magics.aws import stopping
        from dl_magics.magics.interrupts import instances as interrupted

        args = parse_argstring(self.aws_resize, line)
        current = context.load(remembers=not args.explain)
        instance = instances.add_price(current, current.resolve_instance(args.name, exact=True))
        if args.explain and args.type:
            return scripts.resize_script(current, instance, args.type)
        is_done = args.type == instance.type and not resize.find_unfinished(instance)
        if not args.type or is_done:
            return instance
        going_on = runs.list_open_runs(instance) if instance.costs_money else []
        names = [each.name for each in going_on]
        question = resize.resize_question(current, args.type, instance, going_on=names)
        prompts.confirm(question, yes=args.yes)
        with interrupted.explaining_resize(current, instance):
            changes = resize.resize(current, args.type, instance.id)
            resized = prompts.print_until_done(changes)
        stopping.name_cut_off(going_on, resized)
        return resized

    @help_group(HelpGroup.STOP)
    @magic_arguments()
    @FULL_NAME
    @argument("-f", "--force", action="store_true", help="required: its disk is deleted")
    @EXPLAIN
    @line_magic
    def aws_terminate(self, line: str) -> Instance | Script:
        """Terminate an instance and delete its disk. Requires -f.

        Runs that go on on it are named first: what was not copied of them is lost with its disk.
        Volumes that were attached to it and its Elastic IP addresses stay, and cost money: they are
        named with what deletes them.

        ::

            %aws_terminate -f
            %aws_terminate my-gpu -f
        """
        from dl_magics.actions.aws import context, instances
        from dl_magics.actions.aws.explain import scripts
        from dl_magics.actions.runs import runs
        from dl_magics.magics.aws import stopping
        from dl_magics.magics.interrupts import instances as interrupted

        args = parse_argstring(self.aws_terminate, line)
        current = context.load(remembers=not args.explain)
        instance = current.resolve_instance(args.name, exact=True)
        if args.explain:
            return scripts.terminate_script(current, instance)
        going_on = runs.list_open_runs(instance)
        names = [] if instance.gone else [each.name for each in going_on]
        instances.check_terminate(
            current, instance, force=args.force, named=args.name is not None, going_on=names
        )
        if names:
            print(f"The disk of {instance.name} is deleted: {instances.describe_loss(names)}.")
        kept = stopping.find_kept(current, instance)
        with interrupted.explaining_termination(current, instance):
            changes = instances.terminate(current, instance.id)
            ended = prompts.print_until_done(changes, current.account)
        stopping.name_kept(kept)
        stopping.name_cut_off(going_on, ended)
        return ended
