"""The magics for the AWS account: launch, terminate, prices, checks, profile, region."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_magic, magics_class

from dl_magics.magics.arguments import argument, magic_arguments, parse_argstring
from dl_magics.magics.aws import EXPLAIN, FULL_NAME
from dl_magics.magics.prompts import Notice, confirm, kernel_restarter, print_until_done

if TYPE_CHECKING:
    from dl_magics.actions.aws.check import Report
    from dl_magics.actions.aws.cleanup import Resources
    from dl_magics.actions.aws.explain import Script
    from dl_magics.actions.aws.price_list import PriceList
    from dl_magics.core.instance import Instance


@magics_class
class AccountMagics(Magics):
    """Launch and terminate instances; show prices, quotas and settings."""

    @magic_arguments()
    @argument("type", nargs="?", help="instance type; without it the available types are shown")
    @argument("--name", default="gpu", help="name of the instance (%(default)s)")
    @argument("--image", help="AMI id, ami-…; default: the newest Deep Learning AMI")
    @argument("--disk", type=int, help="disk size in GiB (100)")
    @argument("--zone", help="availability zone, us-east-1b; default: AWS selects one")
    @argument(
        "--allow-from", nargs="+", help="address ranges that may use SSH, or me (the default)"
    )
    @argument("--dry-run", action="store_true", help="show what would be launched; change nothing")
    @argument("-y", "--yes", action="store_true", help="answer yes to the confirmation")
    @argument("--explain", action="store_true", help="show the commands that would be run")
    @line_magic
    def aws_launch(self, line: str) -> Any:
        """Launch an instance; create its key pair and security group if needed.

        A second launch with the same name returns the existing instance.

        ::

            %aws_launch g4dn.xlarge
            %aws_launch t2.micro --name small --disk 60 -y
        """
        from dl_magics.actions.aws import account, context, price_list
        from dl_magics.actions.aws.launch import explain, launch, pending, plan
        from dl_magics.core.instance import Instance

        args = parse_argstring(self.aws_launch, line)
        if not args.type:
            return price_list.list_prices(context.load())
        current = context.load()
        if args.allow_from:
            store = not (args.dry_run or args.explain)
            current = account.allow_from(current, args.allow_from, store=store)
        planned = None
        if not (args.explain or args.dry_run):
            found = pending.resume(current, args.name, args.type) or launch.find_existing(
                current, args.name, args.type
            )
            if isinstance(found, Instance):
                return print_until_done(launch.resume_launch(current, found))
            planned = found
        planned = planned or plan.make_plan(
            current, args.type, name=args.name, image=args.image, disk_gib=args.disk, zone=args.zone
        )
        if args.explain:
            return explain.launch_script(current, planned)
        if args.dry_run:
            return planned
        confirm(str(planned), yes=args.yes)
        return print_until_done(launch.launch_instance(current, planned))

    @magic_arguments()
    @FULL_NAME
    @argument("-f", "--force", action="store_true", help="required: its disk is deleted")
    @EXPLAIN
    @line_magic
    def aws_terminate(self, line: str) -> Instance | Script:
        """Terminate an instance and delete its disk. Requires -f.

        ::

            %aws_terminate -f
            %aws_terminate my-gpu -f
        """
        from dl_magics.actions.aws import context, explain, instances

        args = parse_argstring(self.aws_terminate, line)
        current = context.load()
        instance = current.resolve_instance(args.name, exact=True)
        if args.explain:
            return explain.terminate_script(current, instance)
        instances.check_terminate(current, instance, force=args.force, named=args.name is not None)
        print(f"In {current.account}:")
        return print_until_done(instances.terminate(current, instance.id))

    @magic_arguments()
    @argument(
        "-f", "--force", action="store_true", help="required to delete: disks are deleted too"
    )
    @argument("--everywhere", action="store_true", help="look in all regions of the account")
    @line_magic
    def aws_cleanup(self, line: str) -> Resources:
        """List what dl_magics created in this account, in all regions; with -f delete it.

        Instances that dl_magics launched on another computer are listed, but not deleted.

        ::

            %aws_cleanup
            %aws_cleanup -f
        """
        from dataclasses import replace

        from dl_magics.actions.aws import cleanup, context

        current = context.load()
        args = parse_argstring(self.aws_cleanup, line)
        resources = cleanup.list_resources(current, everywhere=args.everywhere)
        if not args.force:
            return resources
        print(resources)
        return replace(
            resources, each=tuple(cleanup.delete_resources(current, resources)), deleted=True
        )

    @magic_arguments()
    @argument("type", nargs="?", help="type, beginning of a type, or GPU: p4d.24xlarge, g5, T4")
    @line_magic
    def aws_prices(self, line: str) -> PriceList:
        """List the GPU types of the region: memory, on-demand and spot price, quota left.

        ::

            %aws_prices
            %aws_prices g5
        """
        from dl_magics.actions.aws import context, price_list

        return price_list.list_prices(context.load(), parse_argstring(self.aws_prices, line).type)

    @magic_arguments()
    @argument("--policy", action="store_true", help="print the IAM policy that dl_magics needs")
    @line_magic
    def aws_check(self, line: str) -> Report | Notice:
        """Check credentials, region, address, quotas, key pair, security group and instance.

        ::

            %aws_check
            %aws_check --policy
        """
        from dl_magics.actions.aws import check

        if parse_argstring(self.aws_check, line).policy:
            return Notice(check.make_policy())
        return check.run_checks()

    @magic_arguments()
    @argument(
        "profile", nargs="?", help="AWS profile to select; without it the profiles are listed"
    )
    @argument(
        "--ssh-config", help="configuration file as in ssh -F, for bastion hosts; none resets it"
    )
    @argument("--address-url", help="https service that returns your public IP address")
    @line_magic
    def aws_profile(self, line: str) -> Notice:
        """List the AWS profiles, or select one, here and for notebooks opened later.

        ::

            %aws_profile
            %aws_profile work --ssh-config ~/.ssh/config
        """
        from dl_magics.actions.aws import account

        args = parse_argstring(self.aws_profile, line)
        if args.profile or args.ssh_config or args.address_url:
            account.select_profile(args.profile, args.ssh_config, args.address_url)
        return Notice(account.list_profiles())

    @magic_arguments()
    @argument("region", nargs="?", help="AWS region to select; without it the current one is shown")
    @line_magic
    def aws_region(self, line: str) -> Notice:
        """Show the AWS region, or select one, here and for notebooks opened later.

        ::

            %aws_region
            %aws_region us-west-2
        """
        from dl_magics.actions.aws import account, context

        args = parse_argstring(self.aws_region, line)
        if args.region:
            account.select_region(args.region)
        return Notice(context.load().profile_and_region)

    @line_magic
    def manage_aws(self, line: str) -> Any:  # noqa: ARG002 - it has no arguments
        """Show a panel with all instances, their cost and controls, and a tab of Keras settings.

        ::

            %manage_aws
            panel = %manage_aws
        """
        from dl_magics.widgets.manage import Manager

        return Manager(restart=kernel_restarter(self.shell))
