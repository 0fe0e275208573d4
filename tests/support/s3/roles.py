"""A role of IAM that may read photos, with its instance profile."""

from __future__ import annotations

import json
from typing import Any

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "ec2.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


def make_role(iam: Any, name: str, bucket: str = "") -> dict[str, Any]:
    """Create a role and its profile, which may read the bucket; return a launch's parameter."""
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.create_instance_profile(InstanceProfileName=name)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    if bucket:
        allow_reading(iam, name, bucket)
    return {"IamInstanceProfile": {"Name": name}}


def allow_reading(iam: Any, role: str, bucket: str, folder: str = "*") -> None:
    """Let a role list a bucket, and read what is in a folder of it."""
    arn = f"arn:aws:s3:::{bucket}"
    statements = [
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": arn},
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{arn}/{folder}"},
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_role_policy(RoleName=role, PolicyName="read", PolicyDocument=document)
