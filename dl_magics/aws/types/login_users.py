"""The login user of an image, by its name.

By "Default usernames for AMIs" in the EC2 documentation and those of the distributions.
"""

from __future__ import annotations

import re

# The first that is found counts: an image of Bitnami also names its system.
_USERS = (
    (r"bitnami", "bitnami"),
    (r"ubuntu", "ubuntu"),
    (r"rocky", "rocky"),
    (r"alma ?linux", "ec2-user"),
    (r"centos[ _-]*(linux[ _-]*)?[67]\b", "centos"),
    (r"centos", "ec2-user"),
    (r"fedora", "fedora"),
    (r"debian", "admin"),
    (r"\bkali", "kali"),
    (r"\brhel|red hat", "ec2-user"),
    (r"suse|\bsles", "ec2-user"),
    (r"oracle ?linux|\bol[789]\b", "ec2-user"),
    (r"freebsd", "ec2-user"),
    (r"flatcar|coreos", "core"),
    (r"amazon linux|\bamzn|\bal20\d\d\b", "ec2-user"),
)


def find_user(*texts: str) -> str:
    """Return the login user that the first of these texts of an image tells; empty if none does."""
    for text in texts:
        for pattern, user in _USERS:
            if re.search(pattern, text, re.IGNORECASE):
                return user
    return ""
