"""The magics that launch an EC2 instance, and give back all that was launched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_magic, magics_class

from dl_magics.magics import prompts
from dl_magics.magics.arguments import argument, magic_arguments, parse_argstring
from dl_magics.magics.aws.options import ALLOW_FROM, EXPLAIN, MAX_DURATION, UNTIL, YES
from dl_magics.magics.display.updatable import print_line
from dl_magics.magics.help.groups import HelpGroup, help_group

if TYPE_CHECKING:
    from argparse import Namespace

    from dl_magics.actions.aws.context import Context
    from dl_magics.actions.aws.explain.shell import Script
    from dl_magics.actions.aws.launch.options import LaunchOptions
    from dl_magics.actions.aws.resources import Resources


@magics_class
class LaunchMagics(Magics):
    """Launch an instance; delete all that was launched."""

    @help_group(HelpGroup.RENT)
    @magic_arguments()
    @argument("type", nargs="?", help="instance type; without it the available types are shown")
    @argument("--name", default="gpu", help="name of the instance (%(default)s)")
    @argument("--count", type=int, help="so many instances: NAME-1, NAME-2, … for workers")
    @argument("--image", help="AMI id, ami-…; default: the newest Deep Learning AMI for the type")
    @argument("--user", help="login user of the image; default: what its name says")
    @argument("--disk", type=int, help="disk size in GiB (100)")
    @argument("--zone", help="availability zone, us-east-1b; default: AWS selects one")
    @argument("--subnet", help="subnet of a VPC, subnet-…; default: a default one")
    @argument(
        "--instance-profile", help="instance profile that gives it a role of IAM, to read S3 with"
    )
    @ALLOW_FROM
    @argument("--idle", help="stop it after so long without work; default: that of %%idle_timeout")
    @MAX_DURATION
    @UNTIL
    @argument("--spot", action="store_true", help="a spot instance: cheaper, AWS may stop it")
    @argument("--max-price", help="most dollars an hour of a spot instance; default: on demand")
    @argument("--dry-run", action="store_true", help="show what would be launched; change nothing")
    @YES
    @EXPLAIN
    @line_magic
    def aws_launch(self, line: str) -> Any:
        """Launch an instance; create its key pair and security group if needed.

        A second launch with the same name returns the existing instance: --idle, --max-duration and
        --until are set on it while it runs, other options that it does not have are refused. A
        guard stops it after 30 minutes without work, and at the ends that are set, whatever it
        does; `--max-duration off` and `--until off` remove one. Ctrl-C ends only the wait: what was
        launched costs money until %aws_stop.

        With --spot AWS may stop it, two minutes after a notice at which a run saves a checkpoint.
        Its disk is kept, and AWS starts it again when it has capacity: %finetune --resume goes on.

        With --instance-profile all programs on it have the role of that profile, which you made
        before: so they read S3 without any key. It stays while the instance is stopped.

        With --count it launches several, NAME-1, NAME-2 and so on, each with a guard, and asks once
        for all of them: with `workers = "NAME"` %%finetune computes on them together. By a rule of
        their security group they may connect to each other, as they do where they train layers.

        ::

            %aws_launch g4dn.xlarge
            %aws_launch g4dn.xlarge --count 4 --name crew
            %aws_launch t2.micro --name small --disk 120 --idle 10 --until 23:00 -y
            %aws_launch g4dn.xlarge --spot --max-price 0.30
            %aws_launch g4dn.xlarge --instance-profile photos-reader
        """
        from dl_magics.actions.aws import account, context, price_list
        from dl_magics.actions.aws.explain import reads
        from dl_magics.actions.aws.guard import ends
        from dl_magics.actions.aws.launch import existing, explain, launch, pending, plan
        from dl_magics.aws.spot import market
        from dl_magics.core.instance import Instance
        from dl_magics.magics.interrupts import instances as interrupted

        args = parse_argstring(self.aws_launch, line)
        if not args.type and args.explain:
            return reads.prices_script(context.load(), None)
        if not args.type:
            return price_list.list_prices_anywhere()
        spot = market.parse_options(spot=args.spot, max_price=args.max_price)
        options = _read_options(args)
        store = not (args.dry_run or args.explain)
        current = context.load(remembers=store)
        if args.allow_from:
            current = account.allow_from(current, args.allow_from)
        if args.count is not None and args.count != 1:
            return self._launch_crew(current, args, options, spot)
        asked = {"spot": args.spot, "instance_profile": args.instance_profile}
        found = pending.resume(current, args.name, args.type, **asked, store=store)
        found = found or launch.find_existing(current, args.name, args.type, **asked)
        if isinstance(found, Instance):
            existing.check_options(current, found, options, spot)
            if args.explain:
                limits = existing.explain_limits(current, found, options.limits)
                return explain.resume_script(current, found, *limits)
            if args.dry_run:
                return existing.preview(found, options)
            if question := ends.describe_short_notice(current, [found], options.limits):
                prompts.confirm(question, yes=args.yes)
            _accept(current, args, options)
            with interrupted.explaining_start(current, found, options.limits.words):
                changes = existing.resume_launch(current, found, options)
                return prompts.print_until_done(changes)
        if found:
            existing.check_repeat(found, options)
        planned = found or plan.make_plan(
            current,
            args.type,
            name=args.name,
            options=options,
            instance_profile=args.instance_profile,
            spot=spot,
        )
        if args.explain:
            return explain.launch_script(current, planned, repeats=found is not None)
        if args.dry_run:
            return planned
        prompts.confirm(str(planned), yes=args.yes)
        _accept(current, args, options)
        with interrupted.explaining_launch(current, [planned]):
            return prompts.print_until_done(launch.launch_instance(current, planned))

    def _launch_crew(self, current: Any, args: Any, options: LaunchOptions, spot: Any) -> Any:
        from dl_magics.actions.aws.guard import ends
        from dl_magics.actions.aws.launch import crew, explain
        from dl_magics.magics.interrupts import instances as interrupted

        planned = crew.plan_crew(
            current,
            args.type,
            args.name,
            args.count,
            spot=spot,
            instance_profile=args.instance_profile,
            store=not (args.dry_run or args.explain),
            options=options,
        )
        if args.dry_run or (args.explain and not planned.plans):
            return planned
        if args.explain:
            return explain.launch_script(
                current, *planned.plans, there=planned.there, repeats=planned.repeats
            )
        questions = [ends.describe_short_notice(current, planned.there, options.limits)]
        questions += [str(planned)] if planned.plans else []
        if question := "\n".join(filter(None, questions)):
            prompts.confirm(question, yes=args.yes)
        _accept(current, args, options)
        launching = crew.launch_crew(current, planned) if planned.plans else ()
        with interrupted.explaining_launch(current, planned.plans, crew=planned.name):
            for _ in prompts.print_changes(
                ends.set_after(current, launching, options.limits, planned.there)
            ):
                pass
        return crew.list_crew(current, planned) if planned.plans else planned

    @help_group(HelpGroup.STOP)
    @magic_arguments()
    @argument(
        "-f", "--force", action="store_true", help="required to delete: disks are deleted too"
    )
    @argument("--everywhere", action="store_true", help="look in all regions of the account")
    @EXPLAIN
    @line_magic
    def aws_cleanup(self, line: str) -> Resources | Script:
        """List what dl_magics created in this account, in all regions; with -f delete it.

        Instances that dl_magics launched on another computer are listed, but not deleted.

        ::

            %aws_cleanup
            %aws_cleanup -f
        """
        from dataclasses import replace

        from dl_magics.actions.aws import cleanup, context
        from dl_magics.actions.aws.explain import scripts

        args = parse_argstring(self.aws_cleanup, line)
        current = context.load(remembers=not args.explain)
        resources = cleanup.list_resources(current, everywhere=args.everywhere)
        if args.explain:
            return scripts.cleanup_script(current, resources)
        if not (args.force and resources.each):
            return resources
        print_line(resources.describe("deletes"))
        done = []
        for each in cleanup.delete_resources(current, resources):
            print_line(each.result)
            done.append(each)
        return replace(resources, each=tuple(done), deleted=True)


def _accept(current: Context, args: Namespace, options: LaunchOptions) -> None:
    """Store the address ranges of a launch that was confirmed, if its end lies ahead."""
    from dl_magics.actions.aws import account

    options.limits.check_ahead()
    if args.allow_from:
        account.store_allow_from(current)


def _read_options(args: Namespace) -> LaunchOptions:
    """Return what was typed; raise BadSetting for what no instance can have, also an existing."""
    from dl_magics.actions.aws.guard.limits import LimitOptions
    from dl_magics.actions.aws.launch import options

    options.check_name(args.name, args.type)
    typed = options.LaunchOptions(
        image=args.image,
        user=args.user,
        disk_gib=args.disk,
        zone=args.zone,
        subnet=args.subnet,
        limits=LimitOptions(idle=args.idle, max_duration=args.max_duration, until=args.until),
    )
    typed.check()
    return typed
