"""A rule: which error becomes which error of dl_magics. The first rule that matches counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dl_magics import errors


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """Error codes of AWS, or names of botocore's exceptions, and the error to raise for them.

    `happened` and `fix` are formatted with the facts of the error. `words` must be in the message,
    and the operation one of `calls`, if they are given; `action` is that which AWS denies.
    """

    names: str
    kind: type[errors.DLMagicsError]
    happened: str
    fix: str
    words: str = ""
    calls: str = ""
    action: str = ""

    def matches(self, code: str, call: str, message: str, action: str = "") -> bool:
        """Whether an error of AWS is of this rule."""
        return (
            self.action in ("", action)
            and code in self.names.split()
            and self.words.lower() in message.lower()
            and (not self.calls or call in self.calls.split())
        )

    def make_error(self, facts: Mapping[str, str]) -> errors.DLMagicsError:
        """Return the error with these facts."""
        return self.kind(self.happened.format(**facts), fix=self.fix.format(**facts))
