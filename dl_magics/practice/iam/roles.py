"""The instance profiles of IAM: which role an instance has, its credentials, what they may do."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from moto.ec2.models.instances import Instance
from moto.iam.models import IAMBackend, InstanceProfile, Role, iam_backends

from dl_magics.practice.ec2.faults.fault import IAM_NAMES
from dl_magics.practice.ec2.http import ApiCall, ApiResponse, query_response, raise_api_error
from dl_magics.practice.ec2.sessions import StsSessions
from dl_magics.practice.ec2.signature import AccessKey
from dl_magics.practice.ec2.spot.requests import PROFILE
from dl_magics.practice.ec2.state import Ec2State
from dl_magics.practice.iam import policy

VALID_SECONDS = 6 * 3600
# AWS has new credentials ready at least five minutes before the old ones expire.
RENEWED_SECONDS = 900
CREDENTIALS = "security-credentials"
_KEYS = "role_keys"


@dataclass(frozen=True, slots=True)
class RoleCredentials:
    """Temporary credentials of a role, as the metadata service shows them."""

    key: AccessKey
    issued_at: float


class InstanceRoles:
    """The roles of the instances of the account."""

    def __init__(self, state: Ec2State, sessions: StsSessions) -> None:
        self._state = state
        self._sessions = sessions
        self._issued: dict[tuple[str, str], RoleCredentials] = state.extra.setdefault(_KEYS, {})

    def find_profile(self, instance: Instance) -> InstanceProfile | None:
        """Return the instance profile that an instance has."""
        associations = instance.ec2_backend.iam_instance_profile_associations
        association = associations.get(instance.id)
        arn = association.iam_instance_profile.arn if association else ""
        return next((each for each in self._list_profiles() if each.arn == arn), None)

    def find_role(self, instance: Instance) -> str:
        """Return the name of the role of an instance, "" without one."""
        profile = self.find_profile(instance)
        return str(profile.roles[0].name) if profile and profile.roles else ""

    def issue_credentials(self, instance: Instance) -> RoleCredentials | None:
        """Return the credentials of the role of an instance; the same until they are renewed."""
        role, now = self.find_role(instance), time.time()
        if not role:
            return None
        known = self._issued.get((instance.id, role))
        if known is None or known.key.expires - now < RENEWED_SECONDS:
            key = AccessKey(
                id=f"ASIA{secrets.token_hex(8).upper()}",
                secret=secrets.token_urlsafe(30),
                token=secrets.token_urlsafe(90),
                expires=now + VALID_SECONDS,
                role=role,
                session=instance.id,
            )
            self._sessions.add_key(key)
            known = self._issued[instance.id, role] = RoleCredentials(key, now)
        return known

    def answer(self, call: ApiCall, key: AccessKey) -> ApiResponse | None:
        """Return the response to a call about who calls; None to another that is permitted.

        Raises ApiError for what the role of the key may not do, and for an instance profile that
        EC2 cannot give to an instance.
        """
        if key.role and call.action == "GetCallerIdentity":
            return self._describe_identity(key)
        service = IAM_NAMES.get(call.service, call.service)
        self.check_permission(key, f"{service}:{call.action}", "*")
        if call.service == "ec2":
            self._check_profile(call)
        return None

    def check_permission(self, key: AccessKey, action: str, resource: str) -> None:
        """Raise ApiError unless who has this key may do an action; the user may do all."""
        verdict = self._evaluate(key, action, resource)
        if verdict == "allow":
            return
        why = (
            "with an explicit deny in an identity-based policy"
            if verdict == "deny"
            else f"because no identity-based policy allows the {action} action"
        )
        account = self._state.account
        service = action.partition(":")[0]
        code = "UnauthorizedOperation" if service == "ec2" else "AccessDenied"
        raise_api_error(
            code,
            f"User: arn:aws:sts::{account}:assumed-role/{key.role}/{key.session} is not authorized "
            f'to perform: {action} on resource: "{resource}" {why}',
            403,
        )

    def is_permitted(self, key: AccessKey, action: str, resource: str) -> bool:
        """Return whether who has this key may do an action."""
        return self._evaluate(key, action, resource) == "allow"

    def _check_profile(self, call: ApiCall) -> None:
        """Raise ApiError for a launch or an association with a profile that EC2 cannot give."""
        for field, attribute in (("Name", "name"), ("Arn", "arn")):
            if (given := call.parameters.get(f"{PROFILE}{field}")) is None:
                continue
            found = (each for each in self._list_profiles() if getattr(each, attribute) == given)
            profile = next(found, None)
            if profile is None:
                shown = "ARN" if field == "Arn" else "name"
                raise_api_error(
                    "InvalidParameterValue",
                    f"Value ({given}) for parameter iamInstanceProfile.{field.lower()} is invalid. "
                    f"Invalid IAM Instance Profile {shown}",
                )
            if not profile.roles:
                raise_api_error(
                    "InvalidParameterValue",
                    f"Value ({given}) for parameter iamInstanceProfile.{field.lower()} is invalid. "
                    f'IAM Instance Profile "{profile.arn}" has no associated IAM Roles',
                )

    def _describe_identity(self, key: AccessKey) -> ApiResponse:
        """Return the response to GetCallerIdentity of a role."""
        account = self._state.account
        return query_response(
            "GetCallerIdentity",
            f"<Arn>arn:aws:sts::{account}:assumed-role/{key.role}/{key.session}</Arn>"
            f"<UserId>{key.id}:{key.session}</UserId><Account>{account}</Account>",
        )

    def describe_item(self, instance: Instance, item: str) -> str | None:
        """Return what the metadata service has below `iam/` for an instance; None if nothing."""
        credentials = self.issue_credentials(instance)
        profile = self.find_profile(instance)
        if credentials is None or profile is None:
            return None
        updated = _format_time(credentials.issued_at)
        if item == "info":
            return json.dumps(
                {
                    "Code": "Success",
                    "LastUpdated": updated,
                    "InstanceProfileArn": profile.arn,
                    "InstanceProfileId": profile.id,
                },
                indent=2,
            )
        if item == CREDENTIALS:
            return credentials.key.role
        if item != f"{CREDENTIALS}/{credentials.key.role}":
            return None
        return json.dumps(
            {
                "Code": "Success",
                "LastUpdated": updated,
                "Type": "AWS-HMAC",
                "AccessKeyId": credentials.key.id,
                "SecretAccessKey": credentials.key.secret,
                "Token": credentials.key.token,
                "Expiration": _format_time(credentials.key.expires),
            },
            indent=2,
        )

    def _evaluate(self, key: AccessKey, action: str, resource: str) -> policy.Verdict:
        if not key.role:
            return "allow"
        roles = (each for each in self._backend.roles.values() if each.name == key.role)
        documents = [text for each in roles for text in _list_policies(each)]
        return policy.evaluate_policies(documents, action, resource)

    @property
    def _backend(self) -> IAMBackend:
        return iam_backends[self._state.account]["aws"]

    def _list_profiles(self) -> list[InstanceProfile]:
        return list(self._backend.instance_profiles.values())


def _list_policies(role: Role) -> list[str]:
    """Return the documents of the policies of a role, its own and those attached to it."""
    attached = [
        version.document
        for each in role.managed_policies.values()
        for version in each.versions
        if version.is_default
    ]
    return [*role.policies.values(), *attached]


def _format_time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"
