"""The magics for the AWS account: prices, checks, profile, region, the panel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_magic, magics_class

from dl_magics.magics.arguments import argument, magic_arguments, parse_argstring
from dl_magics.magics.aws.options import EXPLAIN
from dl_magics.magics.display.front_end import shows_widgets
from dl_magics.magics.help.groups import HelpGroup, help_group
from dl_magics.magics.prompts import Notice, kernel_restarter

if TYPE_CHECKING:
    from dl_magics.actions.aws.billing.bill import Bill
    from dl_magics.actions.aws.check import CheckResult
    from dl_magics.actions.aws.explain.shell import Script
    from dl_magics.actions.aws.price_list import PriceList


@magics_class
class AccountMagics(Magics):
    """Show prices, costs, quotas and settings."""

    @help_group(HelpGroup.RENT)
    @magic_arguments()
    @argument("type", nargs="?", help="type, beginning of a type, or GPU: p4d.24xlarge, g5, m5, T4")
    @EXPLAIN
    @line_magic
    def aws_prices(self, line: str) -> PriceList | Script:
        """List the GPU types of the region: memory, on-demand price and its day, spot price, quota.

        Without an AWS account, list their on-demand prices.

        ::

            %aws_prices
            %aws_prices g5
        """
        from dl_magics.actions.aws import context, price_list
        from dl_magics.actions.aws.explain import reads

        args = parse_argstring(self.aws_prices, line)
        if args.explain:
            return reads.prices_script(context.load(remembers=False), args.type)
        return price_list.list_prices_anywhere(args.type)

    @help_group(HelpGroup.STOP)
    @magic_arguments()
    @argument("--everywhere", action="store_true", help="the instances of all regions")
    @EXPLAIN
    @line_magic
    def aws_bill(self, line: str) -> Bill | Script:
        """Show what each instance has cost since its start and this month, by part and by run.

        Dollars are computed by the second from the starts and stops that this computer has seen, at
        least a minute for each start: the instance on demand or spot, its public IPv4 addresses,
        its disks. Each price has its day. While an instance is stopped, its disks and Elastic IPs
        cost the dollars per month in the table. EC2 tells the time of the last start, and of the
        last stop by a request; time in which an instance may have run is named.

        ::

            %aws_bill
            bill = %aws_bill --everywhere
        """
        from dl_magics.actions.aws import context
        from dl_magics.actions.aws.billing import bill
        from dl_magics.actions.aws.explain import reads

        args = parse_argstring(self.aws_bill, line)
        if args.explain:
            return reads.bill_script(context.load(remembers=False), everywhere=args.everywhere)
        return bill.make_bill(context.load(), everywhere=args.everywhere)

    @help_group(HelpGroup.RENT)
    @magic_arguments()
    @argument("--policy", action="store_true", help="print the IAM policy that dl_magics needs")
    @EXPLAIN
    @line_magic
    def aws_check(self, line: str) -> CheckResult | Notice | Script:
        """Check what a launch needs: credentials, network, address, quotas, keys, instance.

        It also names AWS and proxy variables that are not used, Elastic IP addresses that are not
        in use, and instances in other regions.

        ::

            %aws_check
            %aws_check --policy
        """
        from dl_magics.actions.aws import check, context
        from dl_magics.actions.aws.explain import reads

        args = parse_argstring(self.aws_check, line)
        if args.explain:
            return reads.check_script(context.load(remembers=False), policy=args.policy)
        if args.policy:
            return Notice(check.make_policy())
        return check.run_checks()

    @help_group(HelpGroup.SETTINGS)
    @magic_arguments()
    @argument(
        "profile", nargs="?", help="AWS profile to select; without it the profiles are listed"
    )
    @argument(
        "--ssh-config", help="configuration file as in ssh -F, for bastion hosts; none resets it"
    )
    @argument("--address-url", help="https service that returns your public IP address")
    @EXPLAIN
    @line_magic
    def aws_profile(self, line: str) -> Notice | Script:
        """List the AWS profiles, or select one, here and for notebooks opened later.

        ::

            %aws_profile
            %aws_profile work --ssh-config ~/.ssh/config
        """
        from dl_magics.actions.aws import account
        from dl_magics.actions.aws.explain import reads

        args = parse_argstring(self.aws_profile, line)
        settings = args.profile, args.ssh_config, args.address_url
        if args.explain:
            return reads.profile_script(*settings)
        if any(settings):
            account.select_profile(*settings)
        return Notice(account.list_profiles())

    @help_group(HelpGroup.SETTINGS)
    @magic_arguments()
    @argument("region", nargs="?", help="AWS region to select; without it the current one is shown")
    @EXPLAIN
    @line_magic
    def aws_region(self, line: str) -> Notice | Script:
        """Show the AWS region, or select one, here and for notebooks opened later.

        ::

            %aws_region
            %aws_region us-west-2
        """
        from dl_magics.actions.aws import account, context
        from dl_magics.actions.aws.explain import reads

        args = parse_argstring(self.aws_region, line)
        if args.explain:
            return reads.region_script(args.region)
        if args.region:
            account.select_region(args.region)
        return Notice(account.describe_region(context.load()))

    @help_group(HelpGroup.RENT)
    @magic_arguments()
    @EXPLAIN
    @line_magic
    def manage_aws(self, line: str) -> Any:
        """Show a panel with all instances, their cost and controls, and a tab of Keras settings.

        Where widgets are not shown, list the instances as %aws_list does.

        ::

            %manage_aws
            panel = %manage_aws
        """
        if parse_argstring(self.manage_aws, line).explain:
            from dl_magics.actions.aws import context
            from dl_magics.actions.aws.explain import reads

            return reads.panel_script(context.load(remembers=False))
        if not shows_widgets(self.shell):
            from dl_magics.actions.aws import context, instances

            listed = instances.list_instances(context.load())
            print("Widgets are not shown here: this is %aws_list; %aws_start and %aws_stop act.")
            return listed
        from IPython.display import display

        from dl_magics.widgets.manage import Manager
        from dl_magics.widgets.saved_note import build_note

        display(build_note("The kernel of this table has ended. Run:", "%manage_aws"), raw=True)
        return Manager(restart=kernel_restarter(self.shell))
