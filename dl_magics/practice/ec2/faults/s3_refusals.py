"""Errors of S3, and of instance profiles, that can be injected, with codes and messages of AWS."""

from __future__ import annotations

from dl_magics.practice.ec2.faults.fault import Fault
from dl_magics.practice.ec2.faults.refusals import ENCODED_FAILURE, USER

S3_ACTIONS = ("ListObjectsV2", "HeadBucket", "GetObject", "HeadObject")

S3 = (
    Fault(
        "s3-slow-down",
        "S3 throttles requests for a bucket",
        actions=S3_ACTIONS,
        code="SlowDown",
        message="Please reduce your request rate.",
        status=503,
    ),
    Fault(
        "s3-denied",
        "a policy of the bucket denies to read it, or its owner lets requesters pay",
        actions=S3_ACTIONS,
        code="AccessDenied",
        message="Access Denied",
        status=403,
    ),
    Fault(
        "s3-cut",
        "the body of an object ends early",
        actions=("GetObject",),
    ),
    Fault(
        "no-pass-role",
        "the user may not give a role to an instance",
        actions=("RunInstances",),
        required_parameter="IamInstanceProfile.Name",
        code="UnauthorizedOperation",
        message=f"You are not authorized to perform this operation. User: {USER} is not "
        "authorized to perform: iam:PassRole on resource: "
        "arn:aws:iam::123456789012:role/{role} because no identity-based policy allows the "
        f"iam:PassRole action. {ENCODED_FAILURE}",
        status=403,
    ),
)
