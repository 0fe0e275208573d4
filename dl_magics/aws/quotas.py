"""vCPU quotas of the account by family of types, and how to request an increase."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dl_magics.aws import instance_types
from dl_magics.aws.session import AwsSession
from dl_magics.core.instance import Instance
from dl_magics.errors import DLMagicsError, QuotaReached

_CODES = {
    "g": ("L-DB2E81BA", "Running On-Demand G and VT instances"),
    "p": ("L-417A185B", "Running On-Demand P instances"),
    "standard": ("L-1216C47A", "Running On-Demand Standard instances"),
}


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


def quota_family(type_: str) -> str:
    """Return the family of a type: `g`, `p` or `standard`, a key of the quotas."""
    letters = re.match(r"[a-z]*", type_)
    word = letters[0] if letters else ""
    if word in ("g", "gr", "vt"):
        return "g"
    return "p" if word == "p" else "standard"


def read_quota(session: AwsSession, group: str, instances: list[Instance]) -> Quota:
    """Return the quota of a family and how many vCPUs `instances` use of it."""
    code, name = _CODES[group]
    used = sum(_vcpus(each.type) for each in instances if _uses(each, group))
    try:
        answer = session.query(
            "service-quotas", "get_service_quota", ServiceCode="ec2", QuotaCode=code
        )
        return Quota(code, name, float(answer["Quota"]["Value"]), used)
    except (DLMagicsError, KeyError):
        return Quota(code, name, None, used)


def check_quota(session: AwsSession, type_: str, instances: list[Instance]) -> None:
    """Raise QuotaReached if one more of this type exceeds the quota; an unknown quota passes."""
    quota = read_quota(session, quota_family(type_), instances)
    needed = _vcpus(type_)
    if quota.left is not None and needed > quota.left:
        raise make_quota_error(session, type_, quota)


def make_quota_error(session: AwsSession, type_: str, quota: Quota | None = None) -> QuotaReached:
    """Return the error with the quota and the URL that requests an increase."""
    quota = quota or read_quota(session, quota_family(type_), [])
    allowed = "its quota" if quota.limit is None else f"{quota.limit:g} vCPUs, {quota.used} in use"
    return QuotaReached(
        f"{type_} needs {_vcpus(type_) or 'more'} vCPUs; '{quota.name}' ({quota.code}) allows "
        f"{allowed}.",
        fix=f"Request an increase (a day or two): {quota.link(session.region)} "
        "· or stop an instance.",
    )


def _uses(instance: Instance, group: str) -> bool:
    return instance.costs_money and quota_family(instance.type) == group


def _vcpus(type_: str) -> int:
    kind = instance_types.known_types().get(type_)
    return kind.vcpus if kind else 0
