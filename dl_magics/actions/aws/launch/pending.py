"""A launch that AWS has not answered: it is found or repeated before anything else is launched."""

from __future__ import annotations

import time
import uuid
from dataclasses import asdict

from dl_magics.actions.aws.context import Context
from dl_magics.actions.aws.guard.limits import GuardLimits
from dl_magics.actions.aws.launch.plan import LaunchPlan, price_plan
from dl_magics.actions.aws.launch.unrecorded import naming_instance
from dl_magics.aws import images, parsing
from dl_magics.aws.spot.market import SpotOptions
from dl_magics.core.instance import Instance
from dl_magics.core.typed_name import quote_name
from dl_magics.errors import WrongState
from dl_magics.ssh import keys, known_hosts
from dl_magics.store import lock, state
from dl_magics.store.state import PendingLaunch

# DescribeInstances may lack a new instance for some seconds, and a request may be delayed.
_SETTLED_SECONDS = 300.0

LOCK = "launching"
"""Held while something is launched, or an earlier launch is settled."""


def ensure_token(context: Context, plan: LaunchPlan) -> str:
    """Return the client token for this plan, stored until AWS answers its launch.

    Raises WrongState where AWS has not answered another launch, as of another notebook.
    """
    if pending := state.read().pending_launches.get(context.profile.name):
        options = (plan.spot is not None, plan.instance_profile)
        if _summarize(pending) != (plan.name, plan.type, context.region, options):
            raise _make_unanswered_error(pending, context.in_region(pending.region).account)
        return pending.token
    request = {
        "name": plan.name,
        "type_": plan.type,
        "image": asdict(plan.image),
        "disk_gib": plan.disk_gib,
        "zone": plan.zone,
        "subnet": plan.subnet.id if plan.subnet else None,
        "limits": asdict(plan.limits),
        "instance_profile": plan.instance_profile,
        "spot": asdict(plan.spot) if plan.spot else None,
    }
    token = uuid.uuid4().hex
    pending = PendingLaunch(request=request, token=token, region=context.region)
    state.set_pending_launch(context.profile.name, pending)
    return token


def find_token(context: Context) -> str | None:
    """Return the client token of the launch that AWS has not answered."""
    unanswered = state.read().pending_launches.get(context.profile.name)
    return unanswered.token if unanswered else None


def settle(context: Context, token: str) -> None:
    """Forget the pending launch, which AWS has answered."""
    state.set_pending_launch(context.profile.name, None)
    keys.delete_key_pair(f"host-{token}")


def record_launched(context: Context, token: str, id_: str, spot_request: str) -> None:
    """Pin the host key of the launched instance, enter it in the ledger, forget the request.

    `spot_request` is the id of its spot request, "" if it is on demand. An error names the
    instance; the request is then not forgotten, so that the same launch goes on with it.
    """
    with naming_instance(context, id_):
        if spot_request:
            context.record("created", "spot-request", id=spot_request)
        known_hosts.pin_keys(id_, keys.ensure_key_pair(f"host-{token}").public, temporary=True)
        context.record("created", "instance", id=id_)
        settle(context, token)


def resume(
    context: Context,
    name: str,
    type_: str,
    *,
    spot: bool = False,
    instance_profile: str | None = None,
    store: bool = True,
) -> LaunchPlan | Instance | None:
    """Settle the launch that AWS has not answered, before one of this name and type.

    Returns its instance, or the plan to repeat it with the same token; None if there is none.
    Without `store` nothing is entered or forgotten.

    Raises
    ------
    WrongState
        if another launch was asked for, and this one has created an instance or still may.
    """
    if not (pending := state.read().pending_launches.get(context.profile.name)):
        return None
    its = context.in_region(pending.region)
    request = pending.request
    asked = (name, type_, context.region, (spot, instance_profile)) == _summarize(pending)
    if found := _find_launched(its, pending.token):
        if store:
            _settle_once(its, pending.token, found)
        if asked:
            return found
        raise WrongState(
            "An earlier %aws_launch that AWS did not answer has launched "
            f"{_describe(pending, its.account)}: {found!r}.",
            fix=f"Repeat the line to launch yet another · %aws_terminate {found.id} -f",
        )
    if asked:
        image = images.Image(**request["image"])
        limits = GuardLimits(**request["limits"])
        its_spot = SpotOptions(**request["spot"]) if request["spot"] else None
        values = {**request, "image": image, "limits": limits, "spot": its_spot}
        return price_plan(context, **values)
    if time.time() - pending.sent_at < _SETTLED_SECONDS:
        raise _make_unanswered_error(pending, its.account)
    if store:
        _settle_once(context, pending.token, None)
    return None


def _summarize(pending: PendingLaunch) -> tuple[str, str, str, tuple[bool, str | None]]:
    """Return the name, type, region and options by which a launch is known again."""
    request = pending.request
    options = (bool(request["spot"]), request["instance_profile"])
    return request["name"], request["type_"], pending.region, options


def _describe(pending: PendingLaunch, account: str) -> str:
    request = pending.request
    return f"'{request['name']}' ({request['type_']}{_list_options(pending)}) in {account}"


def _list_options(pending: PendingLaunch) -> str:
    spot, profile = pending.request["spot"], pending.request["instance_profile"]
    return (" --spot" if spot else "") + (f" --instance-profile {profile}" if profile else "")


def _make_unanswered_error(pending: PendingLaunch, account: str) -> WrongState:
    seconds, request = time.time() - pending.sent_at, pending.request
    return WrongState(
        f"An earlier %aws_launch of {_describe(pending, account)} was sent {seconds:.0f} seconds "
        "ago and not answered: AWS may still launch it.",
        fix=f"%aws_launch {request['type_']} --name {quote_name(request['name'])}"
        f"{_list_options(pending)} repeats it, never twice · Or wait "
        f"{_SETTLED_SECONDS / 60:.0f} minutes, then repeat this line.",
    )


def _settle_once(context: Context, token: str, found: Instance | None) -> None:
    """Settle a launch unless another kernel has done so: the host key of its token is gone then."""
    with lock.hold(LOCK):
        if find_token(context) != token:
            return
        if found:
            record_launched(context, token, found.id, found.spot_request)
        else:
            settle(context, token)


def _find_launched(context: Context, token: str) -> Instance | None:
    filters = [{"Name": f"tag:{parsing.TAG}token", "Values": [token]}]
    answer = context.session.query("ec2", "describe_instances", Filters=filters)
    found = parsing.parse_instances(answer, context.session)
    return next((each for each in found if each.token == token and not each.gone), None)
