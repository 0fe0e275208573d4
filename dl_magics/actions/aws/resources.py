"""What dl_magics created on AWS and still exists, as values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resource:
    """An AWS resource that dl_magics created.

    `kind` is instance, spot-request, alarm, security-group or key-pair; `detail` describes it and
    its cost. `refusal` is why AWS did not delete it, `spot_request` the request of an instance.
    """

    kind: str
    id: str
    name: str
    region: str
    detail: str = ""
    refusal: str = ""
    spot_request: str = ""

    def __str__(self) -> str:
        known = ", ".join(filter(None, [self._other_id, self.detail]))
        return f"{self.kind} {self.name} in {self.region}{f' ({known})' if known else ''}"

    @property
    def _other_id(self) -> str:
        """The id, where it is not the name, as that of an alarm is."""
        return self.id if self.id != self.name else ""

    @property
    def result(self) -> str:
        """What became of it, in one line."""
        what = f"{self.kind} {self.name}{f' ({self._other_id})' if self._other_id else ''}"
        return f"{what} was not deleted: {self.refusal}" if self.refusal else f"{what} is deleted"


@dataclass(frozen=True, slots=True)
class Resources:
    """The existing resources that dl_magics created in one account.

    `elsewhere` are instances that another computer launched: they are listed, never deleted.
    `unread` are the regions that AWS did not answer for.
    """

    account: str
    each: tuple[Resource, ...]
    elsewhere: tuple[Resource, ...] = ()
    deleted: bool = False
    unread: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return self._summary if self.deleted else self.describe("%aws_cleanup -f deletes")

    @property
    def _summary(self) -> str:
        refused = [each.name for each in self.each if each.refusal]
        kept = f"; {len(refused)} was not deleted: {', '.join(refused)}" if refused else ""
        return f"{self.account}: {len(self.each) - len(refused)} deleted{kept}"

    def describe(self, verb: str) -> str:
        """Return all that was found, below the account and what is done with what is ours."""
        lines = []
        if self.each:
            lines += [f"{self.account}: {verb}", *(f"  {each}" for each in self.each)]
        if self.elsewhere:
            lines += [
                "Launched by dl_magics on another computer; %aws_terminate NAME -f deletes one:",
                *(f"  {each}" for each in self.elsewhere),
            ]
        if self.unread:
            lines.append(f"Could not be read: {', '.join(self.unread)}")
        return "\n".join(lines) or f"{self.account}: no resources of dl_magics exist."
