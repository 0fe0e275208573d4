"""The magic that goes to the practice cloud and back."""

from __future__ import annotations

from IPython.core.magic import Magics, line_magic, magics_class

from dl_magics.magics.arguments import argument, magic_arguments, parse_argstring
from dl_magics.magics.prompts import Notice


@magics_class
class PracticeMagics(Magics):
    """An EC2 API and SSH hosts on this computer, for nothing."""

    @magic_arguments()
    @argument("what", nargs="?", choices=("on", "off", "fault"), help="nothing: show how it is")
    @argument("name", nargs="?", help="which fault; nothing: show them")
    @argument("--times", type=int, default=1, help="how often it goes wrong (%(default)s)")
    @argument("--seconds", help="how long, for a fault that takes time: 30, or 2m")
    @line_magic
    def practice(self, line: str) -> Notice:
        """Go to the practice cloud, come back, or let something go wrong there.

        ::

            %practice on
            %practice fault no-capacity --times 2
        """
        from dl_magics.actions.aws import practice
        from dl_magics.core import duration

        args = parse_argstring(self.practice, line)
        if args.what == "on":
            return Notice(f"Practice cloud: {practice.switch_on()}. Nothing here costs money.")
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
                f"%practice fault {name:<22} {does}"
                for name, does in practice.list_faults().items()
            ]
            return Notice("\n".join(lines))
        return Notice(f"The practice cloud is {'on' if practice.is_on() else 'off'}.")
