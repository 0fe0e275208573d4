"""What AWS refuses: the practice cloud says it as AWS does, and dl_magics says what to type.

The codes, messages and HTTP statuses are those of the pages of AWS that each line names; where a
page has no message, it is that of public reports of the code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from dl_magics import errors, practice
from dl_magics.aws.error_mapping import map_boto_errors
from dl_magics.aws.profile import AwsProfile
from dl_magics.practice.ec2.faults.refusals import REFUSALS
from dl_magics.practice.ec2.faults.spot_refusals import SPOT
from support.ec2_client import use

DOCS = "https://docs.aws.amazon.com"
EC2 = f"{DOCS}/AWSEC2/latest"
CODES = f"{EC2}/APIReference/errors-overview.html"
ID = "i-0123456789abcdef0"
IMAGE = "ami-0123456789abcdef0"

LAUNCH = {"ImageId": IMAGE, "InstanceType": "g4dn.xlarge", "MinCount": 1, "MaxCount": 1}
CALLS: dict[str, dict[str, Any]] = {
    "run_instances": LAUNCH,
    "start_instances": {"InstanceIds": [ID]},
    "stop_instances": {"InstanceIds": [ID]},
    "terminate_instances": {"InstanceIds": [ID]},
    "describe_instances": {"InstanceIds": [ID]},
    "modify_instance_attribute": {"InstanceId": ID, "InstanceType": {"Value": "g5g.xlarge"}},
    "create_security_group": {"GroupName": "dl-magics", "Description": "SSH"},
    "describe_alarms": {},
    "put_metric_alarm": {
        "AlarmName": "dl-magics",
        "EvaluationPeriods": 1,
        "ComparisonOperator": "LessThanThreshold",
    },
}
SERVICES = dict.fromkeys(("describe_alarms", "put_metric_alarm"), "cloudwatch")


@dataclass(frozen=True)
class Refusal:
    """One refusal: how to get it, what AWS says (and where that is documented), what we say."""

    fault: str
    call: str
    status: int
    code: str
    message: str
    page: str
    kind: type[errors.DLMagicsError]
    words: tuple[str, ...]


TABLE = (
    Refusal(
        "expired-token",
        "describe_instances",
        400,
        "RequestExpired",
        "Request has expired",
        CODES,
        errors.NoCredentials,
        ("has expired", "aws sso login --profile practice"),
    ),
    Refusal(
        "bad-credentials",
        "describe_instances",
        401,
        "AuthFailure",
        "not able to validate the provided access credentials",
        CODES,
        errors.NoCredentials,
        ("access keys", "aws configure --profile practice"),
    ),
    Refusal(
        "not-allowed",
        "start_instances",
        403,
        "UnauthorizedOperation",
        "no identity-based policy allows the ec2:StartInstances action",
        f"{DOCS}/IAM/latest/UserGuide/troubleshoot_access-denied.html",
        errors.NotAllowed,
        ("ec2:StartInstances", '"Effect": "Allow"'),
    ),
    Refusal(
        "no-alarm-role",
        "put_metric_alarm",
        403,
        "AccessDenied",
        "is not authorized to perform: iam:CreateServiceLinkedRole",
        f"{DOCS}/AmazonCloudWatch/latest/monitoring/using-service-linked-roles.html",
        errors.NotAllowed,
        ("create-service-linked-role --aws-service-name events.amazonaws.com",),
    ),
    Refusal(
        "no-alarms",
        "describe_alarms",
        403,
        "AccessDenied",
        "is not authorized to perform: cloudwatch:DescribeAlarms",
        f"{DOCS}/AmazonCloudWatch/latest/APIReference/CommonErrors.html",
        errors.NotAllowed,
        ('"Action": "cloudwatch:DescribeAlarms"',),
    ),
    Refusal(
        "service-control-policy",
        "run_instances",
        403,
        "UnauthorizedOperation",
        "with an explicit deny in a service control policy",
        f"{DOCS}/IAM/latest/UserGuide/troubleshoot_access-denied.html",
        errors.NotAllowed,
        ("service control policy", "Adding an Allow does not help", "administrator"),
    ),
    Refusal(
        "pending-verification",
        "run_instances",
        400,
        "PendingVerification",
        "is being validated",
        CODES,
        errors.CloudRefused,
        ("still verifies the account", "four hours"),
    ),
    Refusal(
        "terms-not-accepted",
        "run_instances",
        401,
        "OptInRequired",
        "you need to accept terms and subscribe",
        CODES,
        errors.CloudRefused,
        ("https://aws.amazon.com/marketplace", "accept"),
    ),
    Refusal(
        "account-blocked",
        "start_instances",
        400,
        "Blocked",
        "currently blocked",
        CODES,
        errors.CloudRefused,
        ("blocked the account", "AWS Support"),
    ),
    Refusal(
        "throttled",
        "describe_instances",
        503,
        "RequestLimitExceeded",
        "Request limit exceeded",
        f"{EC2}/APIReference/throttling.html",
        errors.TooManyRequests,
        ("throttled", "Wait a minute"),
    ),
    Refusal(
        "no-capacity",
        "run_instances",
        500,
        "InsufficientInstanceCapacity",
        "sufficient g4dn.xlarge capacity in the Availability Zone",
        CODES,
        errors.NoCapacity,
        ("us-east-1b", "Wait"),
    ),
    Refusal(
        "no-capacity-on-start",
        "start_instances",
        500,
        "InsufficientInstanceCapacity",
        "Insufficient capacity",
        CODES,
        errors.NoCapacity,
        ("Insufficient capacity",),
    ),
    Refusal(
        "vcpu-limit",
        "start_instances",
        400,
        "VcpuLimitExceeded",
        "more vCPU capacity than your current vCPU limit of 0",
        CODES,
        errors.QuotaReached,
        ("vCPU limit of 0", "%aws_check"),
    ),
    Refusal(
        "volume-limit",
        "run_instances",
        400,
        "VolumeLimitExceeded",
        "storage limit",
        CODES,
        errors.QuotaReached,
        ("50 TiB", "EBS quota"),
    ),
    Refusal(
        "filter-limit",
        "describe_instances",
        400,
        "FilterLimitExceeded",
        "maximum number of filter values specified on a single call is 200",
        CODES,
        errors.CloudRefused,
        ("200", "DescribeInstances"),
    ),
    Refusal(
        "wrong-state",
        "start_instances",
        400,
        "IncorrectInstanceState",
        f"'{ID}' is not in a state",
        CODES,
        errors.WrongState,
        (ID, "%aws_state"),
    ),
    Refusal(
        "no-such-instance",
        "stop_instances",
        400,
        "InvalidInstanceID.NotFound",
        f"The instance ID '{ID}' does not exist",
        CODES,
        errors.NoSuchInstance,
        (ID, "%aws_list"),
    ),
    Refusal(
        "termination-protection",
        "terminate_instances",
        400,
        "OperationNotPermitted",
        "'disableApiTermination' instance attribute",
        f"{EC2}/UserGuide/Using_ChangingDisableAPITermination.html",
        errors.WrongState,
        (f"--instance-id {ID} --no-disable-api-termination",),
    ),
    Refusal(
        "stop-protection",
        "stop_instances",
        400,
        "OperationNotPermitted",
        "'disableApiStop' instance attribute",
        f"{EC2}/UserGuide/ec2-stop-protection.html",
        errors.WrongState,
        (f"--instance-id {ID} --no-disable-api-stop",),
    ),
    Refusal(
        "one-time-spot",
        "stop_instances",
        400,
        "UnsupportedOperation",
        "associated with a one-time Spot Instance request",
        f"{EC2}/UserGuide/spot-requests.html",
        errors.WrongState,
        (f"%aws_terminate {ID} -f",),
    ),
    Refusal(
        "no-spot-capacity",
        "run_instances",
        500,
        "InsufficientInstanceCapacity",
        "There is no Spot capacity available",
        f"{EC2}/UserGuide/spot-request-status.html",
        errors.NoCapacity,
        ("Spot capacity", "--zone", "without --spot"),
    ),
    Refusal(
        "spot-price-too-low",
        "start_instances",
        400,
        "SpotMaxPriceTooLow",
        "lower than the minimum required Spot request fulfillment price of 0.0375",
        CODES,
        errors.NoCapacity,
        ("price of 0.0375", "%aws_start NAME --wait 2h"),
    ),
    Refusal(
        "spot-limit",
        "run_instances",
        400,
        "MaxSpotInstanceCountExceeded",
        "Max spot instance count exceeded",
        CODES,
        errors.QuotaReached,
        ("%aws_check shows the quotas",),
    ),
    Refusal(
        "no-spot-role",
        "run_instances",
        403,
        "AuthFailure.ServiceLinkedRoleCreationNotPermitted",
        "permission to create the service-linked role for EC2 Spot Instances",
        f"{EC2}/UserGuide/service-linked-roles-spot-instance-requests.html",
        errors.NotAllowed,
        ("create-service-linked-role --aws-service-name spot.amazonaws.com",),
    ),
    Refusal(
        "no-such-image",
        "run_instances",
        400,
        "InvalidAMIID.NotFound",
        f"The image id '[{IMAGE}]' does not exist",
        CODES,
        errors.NoSuchImage,
        (IMAGE, "Omit --image"),
    ),
    Refusal(
        "image-not-shared",
        "run_instances",
        400,
        "AuthFailure",
        f"Not authorized for images: [{IMAGE}]",
        CODES,
        errors.NoSuchImage,
        (IMAGE, "Omit --image", "share it"),
    ),
    Refusal(
        "unsupported",
        "run_instances",
        400,
        "Unsupported",
        "The requested configuration is currently not supported",
        CODES,
        errors.NoSuchType,
        ("not supported", "%aws_prices"),
    ),
    Refusal(
        "other-architecture",
        "modify_instance_attribute",
        400,
        "InvalidParameterValue",
        "does not match the architecture 'x86_64' of the specified AMI",
        f"{EC2}/UserGuide/resize-limitations.html",
        errors.NoSuchType,
        ("architecture 'x86_64'", "%aws_prices"),
    ),
    Refusal(
        "no-ena",
        "modify_instance_attribute",
        400,
        "InvalidParameterCombination",
        "Elastic Network Adapter (ENA) is required for the 'g5g.xlarge' instance type",
        f"{EC2}/UserGuide/enhanced-networking-ena.html",
        errors.NoSuchType,
        ("ENA", "newest Deep Learning AMI"),
    ),
    Refusal(
        "no-default-vpc",
        "create_security_group",
        400,
        "VPCIdNotSpecified",
        "No default VPC for this user",
        CODES,
        errors.CloudRefused,
        ("no default VPC", "aws ec2 create-default-vpc"),
    ),
    Refusal(
        "no-default-subnet",
        "run_instances",
        400,
        "MissingInput",
        "No subnets found for the default VPC",
        CODES,
        errors.CloudRefused,
        ("no subnet",),
    ),
)


@pytest.mark.parametrize("refusal", TABLE, ids=lambda each: each.fault)
def test_a_refusal_of_aws_becomes_two_lines_that_say_what_to_type(
    refusal, running_cloud, monkeypatch
):
    profile = practice.ensure_profile(running_cloud.folder)
    client = use(monkeypatch, profile).client(SERVICES.get(refusal.call, "ec2"))
    running_cloud.inject_fault(refusal.fault, actions=[_operation(refusal.call)])

    with (
        pytest.raises(errors.DLMagicsError) as ours,
        map_boto_errors(AwsProfile(profile="practice", region="us-east-1")),
    ):
        getattr(client, refusal.call)(**CALLS[refusal.call])

    theirs = ours.value.__cause__
    assert isinstance(theirs, ClientError)
    assert theirs.response["Error"]["Code"] == refusal.code
    assert theirs.response["ResponseMetadata"]["HTTPStatusCode"] == refusal.status
    assert refusal.message in theirs.response["Error"]["Message"]
    assert type(ours.value) is refusal.kind
    text = "\n".join(ours.value._render_traceback_())
    assert [word for word in refusal.words if word not in text] == []
    assert "Encoded" not in text


def test_the_table_has_every_error_that_the_practice_cloud_can_inject():
    names = sorted(each.name for each in (*REFUSALS, *SPOT))
    assert sorted(each.fault for each in TABLE) == names


def test_each_line_of_the_table_names_a_page_of_the_documentation():
    assert [each for each in TABLE if not each.page.startswith(f"{DOCS}/")] == []


def _operation(call: str) -> str:
    return re.sub(r"(?:^|_)(\w)", lambda found: found[1].upper(), call)
