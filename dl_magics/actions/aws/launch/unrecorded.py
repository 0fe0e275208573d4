"""Names an instance that was launched where this computer cannot record it: it costs money."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dl_magics.actions.aws import instances
from dl_magics.actions.aws.context import Context
from dl_magics.errors import DLMagicsError


@contextmanager
def naming_instance(context: Context, id_: str) -> Iterator[None]:
    """Add to an error of this block which instance was launched before, and how to go on."""
    try:
        yield
    except DLMagicsError as error:
        raise type(error)(
            f"{_describe(context, id_)} was launched, but this computer could not record and "
            f"select it: {error}",
            fix=f"{error.fix} · The same line goes on with this instance, which costs money "
            f"meanwhile · %aws_terminate {id_} -f gives it back.",
        ) from error


def _describe(context: Context, id_: str) -> str:
    try:
        return repr(instances.add_price(context, context.ec2.describe_instance(id_)))
    except DLMagicsError:
        return f"The instance {id_}"
