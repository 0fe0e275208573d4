"""An instance that EC2 has just launched.

EC2 is eventually consistent: for some seconds a request may not find it
(https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html).
"""

from __future__ import annotations

import time

from dl_magics.aws.ec2 import Ec2
from dl_magics.core.instance import Instance
from dl_magics.errors import NoSuchInstance

_UNKNOWN_SECONDS = 30.0
_FIRST_WAIT, _LONGEST_WAIT = 0.25, 4.0


def describe_new_instance(ec2: Ec2, id_: str) -> Instance:
    """Return an instance that was just launched; raise NoSuchInstance if EC2 never finds it."""
    began, wait = time.monotonic(), _FIRST_WAIT
    while True:
        try:
            return ec2.describe_instance(id_)
        except NoSuchInstance:
            if time.monotonic() - began > _UNKNOWN_SECONDS:
                raise
        time.sleep(wait)
        wait = min(wait * 2, _LONGEST_WAIT)
