"""The magic that switches the practice cloud on and off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython.core.magic import Magics, line_magic, magics_class

from dl_magics.magics.arguments import argument, magic_arguments, parse_argstring
from dl_magics.magics.aws.options import EXPLAIN
from dl_magics.magics.help.groups import HelpGroup, help_group
from dl_magics.magics.prompts import Notice

if TYPE_CHECKING:
    from dl_magics.actions.aws.explain.shell import Script


@magics_class
class PracticeMagics(Magics):
    """An EC2 API and SSH hosts on this computer, free of charge."""

    @help_group(HelpGroup.PRACTICE)
    @magic_arguments()
    @argument(
        "what",
        nargs="?",
        choices=("on", "off", "fault", "bucket"),
        help="switch it on or off, inject a fault, or give it a bucket; default: show its state",
    )
    @argument(
        "name",
        nargs="?",
        help="name of the fault or bucket; without it the faults, or the buckets, are listed",
    )
    @argument("folder", nargs="?", help="folder of this computer whose files the bucket has")
    @argument("--times", type=int, default=1, help="number of requests that fail (%(default)s)")
    @argument("--seconds", help="duration of a fault that delays: 30, or 2m")
    @EXPLAIN
    @line_magic
    def practice(self, line: str) -> Notice | Script:
        """Switch to the practice cloud, switch back, inject a fault, or give it a bucket of S3.

        A bucket is a folder of this computer: the practice cloud reads its files, and changes none.
        It ends ten minutes after its last user; its instances are kept.

        ::

            %practice on
            %practice fault no-capacity --times 2
            %practice bucket practice-photos data/pets
        """
        from dl_magics.actions.aws import practice
        from dl_magics.actions.aws.explain import reads
        from dl_magics.core import duration

        args = parse_argstring(self.practice, line)
        if args.explain:
            return reads.practice_script(args.what, args.name)
        if args.what == "on":
            on = practice.switch_on()
            notice = f"Practice cloud: {on.profile_and_region}. Instances in it cost nothing."
            if on.foreign_port:
                notice += (
                    f"\nIt was started again at another port: another program uses port "
                    f"{on.foreign_port}, where it ran before."
                )
            return Notice(notice)
        if args.what == "off":
            return Notice(
                f"The practice cloud is off; the AWS profile is {practice.switch_off()} again."
            )
        if args.what == "fault" and args.name:
            aim = {}
            if args.seconds is not None:
                aim["seconds"] = duration.parse_option(
                    "--seconds", args.seconds, unit="s", zero=True
                )
            practice.inject_fault(args.name, times=args.times, **aim)
            return Notice(f"{args.name}: {practice.list_faults()[args.name]}, {args.times} times.")
        if args.what == "fault":
            lines = [
                f"%practice fault {name:<22} {effect}"
                for name, effect in practice.list_faults().items()
            ]
            return Notice("\n".join(lines))
        if args.what == "bucket" and args.name:
            return Notice(practice.make_bucket(args.name, args.folder))
        if args.what == "bucket":
            return Notice("\n".join(practice.list_buckets()) or "It has no bucket.")
        return Notice(f"The practice cloud is {'on' if practice.is_on() else 'off'}.")
