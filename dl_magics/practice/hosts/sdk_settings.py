"""The environment variables by which SDKs on a host find the practice cloud in place of AWS."""

from __future__ import annotations

import os
from urllib.parse import urlsplit


def make_variables(metadata: str) -> dict[str, str]:
    """Return the variables by which SDKs find this cloud, not AWS, and past any proxy."""
    endpoint = urlsplit(metadata)
    inherited = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    direct = ",".join(filter(None, (inherited, endpoint.hostname)))
    return {
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata,
        "AWS_ENDPOINT_URL": f"{endpoint.scheme}://{endpoint.netloc}",
        "NO_PROXY": direct,
        "no_proxy": direct,
    }
