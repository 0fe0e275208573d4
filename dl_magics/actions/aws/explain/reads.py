"""What a magic that changes nothing on AWS asks it: its own queries, as `aws` commands.

The work of the magic is done, without storing anything, and its queries are written down. What it
reads or writes on this computer follows as comments.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable

from dl_magics.actions.aws import account, check, instances, price_list
from dl_magics.actions.aws.billing import bill
from dl_magics.actions.aws.context import Context, load
from dl_magics.actions.aws.explain.shell import Script, aws_command, comment, make_script
from dl_magics.aws.session import Query, record_queries
from dl_magics.store import logins, paths, state


def select_script(
    context: Context,
    word: str | None,
    *,
    user: str | None,
    identity: str | None,
    guards: bool,
) -> Script:
    """Return what `%aws_get` asks, and what it stores."""

    def read() -> None:
        instances.add_price(context, context.resolve_instance(word))

    stores = [f"stores in {_state_file()} that the instance is selected"] if word else []
    if user or identity:
        stores.append(
            f"stores its login user and key file in {paths.data_folder() / logins.FILE_NAME}"
        )
    if guards:
        stores.append(
            "installs the guard over SSH, as root, and asks it when it stops the instance"
        )
    return _script(context, read, *stores)


def prices_script(context: Context, pattern: str | None) -> Script:
    """Return what `%aws_prices` asks."""
    return _script(context, lambda: price_list.list_prices(context, pattern))


def bill_script(context: Context, *, everywhere: bool) -> Script:
    """Return what `%aws_bill` asks."""
    reads = "reads the starts and stops that this computer has seen, and the runs"
    return _script(context, lambda: bill.make_bill(context, everywhere=everywhere), reads)


def check_script(context: Context, *, policy: bool) -> Script:
    """Return what `%aws_check` asks; `--policy` asks nothing."""
    if policy:
        return note_script("prints a policy; it asks AWS nothing and stores nothing")
    url = context.profile.address_url
    asked = [f"curl --silent {shlex.quote(url)}"] if url.startswith("http") else []
    return _script(
        context,
        lambda: check.run_checks(remembers=False),
        *asked,
        "reads the key files and the known_hosts file",
    )


def profile_script(profile: str | None, ssh_config: str | None, address_url: str | None) -> Script:
    """Return what `%aws_profile` reads or stores; it asks AWS nothing."""
    if not (profile or ssh_config or address_url):
        return make_script(load(remembers=False), ["aws configure list-profiles"])
    account.select_profile(profile, ssh_config, address_url, store=False)
    return note_script(f"asks AWS nothing; stores the settings in {_state_file()}")


def region_script(region: str | None) -> Script:
    """Return what `%aws_region` asks, and what it stores."""
    if not region:
        return note_script(f"asks AWS nothing; reads {_state_file()} and the AWS configuration")
    stores = f"stores the region in {_state_file()}"
    context = load(remembers=False)
    return _script(context, lambda: account.select_region(region, store=False), stores)


def panel_script(context: Context) -> Script:
    """Return what `%manage_aws` asks every three seconds."""

    def read() -> None:
        instances.list_instances(context)
        _ = context.account

    acts = "repeats this every few seconds; its buttons do what %aws_start and the like do"
    return _script(context, read, acts)


def practice_script(what: str | None, name: str | None) -> Script:
    """Return what `%practice` starts, ends or stores; it asks AWS nothing."""
    folder = shlex.quote(str(paths.data_folder("practice")))
    start = f"{shlex.quote(sys.executable)} -m dl_magics.practice --folder {folder} &"
    if what == "on":
        return Script(
            "\n".join(
                [
                    start,
                    comment("starts this process unless it runs, and writes its profile there"),
                    comment(f"stores in {_state_file()} that the profile is selected"),
                ]
            )
        )
    if what == "off":
        return note_script(
            f"ends the process that this line starts: {start}",
            f"stores in {_state_file()} that the profile before it is selected",
        )
    if what == "fault" and name:
        return note_script("sends the fault to the practice cloud on this computer")
    if what == "bucket" and name:
        return note_script(
            "sends the names of the bucket and the folder to the practice cloud on this computer"
        )
    return note_script(f"reads {_state_file()}; it asks AWS nothing")


def note_script(*notes: str) -> Script:
    """Return only what is read or written on this computer, as comments of a shell."""
    return Script("\n".join(map(comment, notes)))


def _script(context: Context, read: Callable[[], object], *more: str) -> Script:
    with record_queries() as queries:
        read()
    commands = dict.fromkeys(_command(context, query) for query in queries)
    notes = (each if each.startswith("curl ") else comment(each) for each in more)
    return make_script(context, [*commands, *notes])


def _command(context: Context, query: Query) -> str:
    there = ["--region", query.region] if query.region != context.region else []
    return aws_command(query.service, query.call, query.parameters, *there)


def _state_file() -> str:
    return str(paths.data_folder() / state.FILE_NAME)
