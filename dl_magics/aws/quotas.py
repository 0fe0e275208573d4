"""vCPU quotas of the account by family of types, and how to request an increase."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dl_magics.aws.session import AwsSession
from dl_magics.aws.types import type_facts
from dl_magics.core.instance import Instance
from dl_magics.errors import DLMagicsError, QuotaReached

# By "Amazon EC2 instance type quotas" in the EC2 documentation: each letter has its quota.
_CODES = {
    "g": ("L-DB2E81BA", "Running On-Demand G and VT instances"),
    "p": ("L-417A185B", "Running On-Demand P instances"),
    "standard": ("L-1216C47A", "Running On-Demand Standard instances"),
    "dl": ("L-6E869C2A", "Running On-Demand DL instances"),
    "f": ("L-74FC7D96", "Running On-Demand F instances"),
    "hpc": ("L-F7808C92", "Running On-Demand HPC instances"),
    "inf": ("L-1945791B", "Running On-Demand Inf instances"),
    "trn": ("L-2C3B7624", "Running On-Demand Trn instances"),
    "u": ("L-43DA4232", "Running On-Demand High Memory instances"),
    "x": ("L-7295265B", "Running On-Demand X instances"),
}
_SPOT_CODES = {
    "g": ("L-3819A6DF", "All G and VT Spot Instance Requests"),
    "p": ("L-7212CCBC", "All P4, P3 and P2 Spot Instance Requests"),
    "p5": ("L-C4BD4855", "All P5 Spot Instance Requests"),
    "standard": ("L-34B43A08", "All Standard Spot Instance Requests"),
    "dl": ("L-85EED4F7", "All DL Spot Instance Requests"),
    "f": ("L-88CF9481", "All F Spot Instance Requests"),
    "inf": ("L-B5D1601B", "All Inf Spot Instance Requests"),
    "trn": ("L-6B0D517C", "All Trn Spot Instance Requests"),
    "x": ("L-E3A00192", "All X Spot Instance Requests"),
}
_SHARED = {"gr": "g", "vt": "g"}


@dataclass(frozen=True, slots=True)
class Quota:
    """A quota of running vCPUs; `limit` is None if it could not be read."""

    code: str
    name: str
    limit: float | None
    used: int

    @property
    def left(self) -> float | None:
        return None if self.limit is None else self.limit - self.used

    def link(self, region: str | None) -> str:
        """Return the URL of the page that requests an increase."""
        return (
            f"https://{region}.console.aws.amazon.com/servicequotas/home"
            f"/services/ec2/quotas/{self.code}"
        )


def quota_family(type_: str, *, spot: bool = False) -> str:
    """Return the family of a type, a key of the quotas: `g`, `p`, `standard` or another."""
    letters = re.match(r"[a-z]*", type_)
    word = letters[0] if letters else ""
    if spot and type_.startswith("p5"):
        return "p5"
    family = _SHARED.get(word, word)
    return family if family in (_SPOT_CODES if spot else _CODES) else "standard"


def read_quota(
    session: AwsSession, group: str, instances: Sequence[Instance], *, spot: bool = False
) -> Quota:
    """Return the quota of a family and how many vCPUs `instances` use of it.

    Spot instances have quotas of their own.
    """
    code, name = (_SPOT_CODES if spot else _CODES)[group]
    types = [each.type for each in instances if _counts(each, group, spot=spot)]
    facts = type_facts.read_facts(session, types)
    used = sum(facts[each].vcpus for each in types)
    try:
        answer = session.query(
            "service-quotas", "get_service_quota", ServiceCode="ec2", QuotaCode=code
        )
        return Quota(code, name, float(answer["Quota"]["Value"]), used)
    except (DLMagicsError, KeyError):
        return Quota(code, name, None, used)


def check_quota(
    session: AwsSession,
    type_: str,
    instances: Sequence[Instance],
    *,
    spot: bool = False,
    count: int = 1,
) -> None:
    """Raise QuotaReached if `count` more of this type exceed the quota; an unknown one passes."""
    quota = read_quota(session, quota_family(type_, spot=spot), instances, spot=spot)
    needed = type_facts.read_type(session, type_).vcpus
    if quota.left is not None and count * needed > quota.left:
        raise _make_error(session, type_, quota, count)


def make_quota_error(
    session: AwsSession, type_: str, instances: Sequence[Instance], *, spot: bool = False
) -> QuotaReached:
    """Return the error with the quota, what `instances` use, and the URL that requests more."""
    quota = read_quota(session, quota_family(type_, spot=spot), instances, spot=spot)
    return _make_error(session, type_, quota)


def _make_error(session: AwsSession, type_: str, quota: Quota, count: int = 1) -> QuotaReached:
    allowed = "its quota" if quota.limit is None else f"{quota.limit:g} vCPUs, {quota.used} in use"
    needed = count * type_facts.read_type(session, type_).vcpus or "more"
    what = type_ if count == 1 else f"{count} × {type_}"
    return QuotaReached(
        f"{what} needs {needed} vCPUs; '{quota.name}' ({quota.code}) allows {allowed}.",
        fix=f"Request an increase (a day or two): {quota.link(session.region)} "
        "· or stop an instance.",
    )


def _counts(instance: Instance, group: str, *, spot: bool) -> bool:
    """Whether an instance uses this quota."""
    if not instance.costs_money or instance.spot != spot:
        return False
    return quota_family(instance.type, spot=spot) == group
