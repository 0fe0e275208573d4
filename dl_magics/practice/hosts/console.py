"""The console output of a host, which contains its host key."""

from __future__ import annotations

import base64

import asyncssh


def first_boot_output(instance_id: str, key: asyncssh.SSHKey) -> str:
    """Return what cloud-init prints at the first boot: the host key and its fingerprint."""
    public = " ".join(key.export_public_key().decode().split()[:2])
    return f"""\
[    0.000000] Linux version 6.8.0-practice ({instance_id})
[   12.118213] cloud-init[1043]: Cloud-init v. 24.4 running 'modules:final'
<14>Jan  1 00:00:12 cloud-init: ###########################################################
<14>Jan  1 00:00:12 cloud-init: -----BEGIN SSH HOST KEY FINGERPRINTS-----
<14>Jan  1 00:00:12 cloud-init: 256 {key.get_fingerprint("sha256")} root@{instance_id} (ED25519)
<14>Jan  1 00:00:12 cloud-init: -----END SSH HOST KEY FINGERPRINTS-----
<14>Jan  1 00:00:12 cloud-init: ###########################################################
-----BEGIN SSH HOST KEY KEYS-----
{public} root@{instance_id}
-----END SSH HOST KEY KEYS-----
[   12.402113] cloud-init[1043]: Cloud-init v. 24.4 finished. Datasource DataSourceEc2Local.
"""


def encode_output(text: str) -> str:
    """Return console output encoded as in the response of GetConsoleOutput."""
    return base64.b64encode(text.encode()).decode()
