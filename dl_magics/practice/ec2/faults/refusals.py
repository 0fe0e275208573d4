"""Errors of AWS that can be injected, with its codes, messages and HTTP statuses.

The codes are described in "Error codes for the Amazon EC2 API".
"""

from __future__ import annotations

from dl_magics.practice.ec2.faults.fault import Fault

PAID_ACTIONS = ("RunInstances", "StartInstances")
TYPE_ACTIONS = (*PAID_ACTIONS, "ModifyInstanceAttribute")
ENCODED_FAILURE = "Encoded authorization failure message: cHJhY3RpY2UtY2xvdWQ"
USER = "arn:aws:iam::123456789012:user/practice"

CREDENTIALS = (
    Fault(
        "expired-token",
        "the credentials have expired",
        code="RequestExpired",
        message="Request has expired.",
    ),
    Fault(
        "bad-credentials",
        "the credentials are invalid",
        code="AuthFailure",
        message="AWS was not able to validate the provided access credentials",
        status=401,
    ),
    Fault(
        "not-allowed",
        "an IAM policy denies the call",
        code="UnauthorizedOperation",
        message=f"You are not authorized to perform this operation. User: {USER} is not "
        "authorized to perform: {action} because no identity-based policy allows the {action} "
        f"action. {ENCODED_FAILURE}",
        status=403,
    ),
    Fault(
        "no-alarms",
        "an IAM policy denies CloudWatch alarms",
        actions=("DeleteAlarms", "DescribeAlarms", "GetMetricStatistics", "PutMetricAlarm"),
        code="UnauthorizedOperation",
        message=f"User: {USER} is not authorized to perform: {{action}} because no identity-based "
        "policy allows the {action} action",
        status=403,
    ),
    Fault(
        "no-alarm-role",
        "the account has no role of AWS for alarms that stop instances, nor may the user create it",
        actions=("PutMetricAlarm",),
        code="UnauthorizedOperation",
        message=f"User: {USER} is not authorized to perform: iam:CreateServiceLinkedRole on "
        "resource: arn:aws:iam::123456789012:role/aws-service-role/events.amazonaws.com/"
        "AWSServiceRoleForCloudWatchEvents because no identity-based policy allows it",
        status=403,
    ),
    Fault(
        "service-control-policy",
        "the organization denies the call explicitly",
        code="UnauthorizedOperation",
        message=f"You are not authorized to perform this operation. User: {USER} is not "
        "authorized to perform: {action} on resource: arn:aws:ec2:{region}:123456789012:instance/* "
        f"with an explicit deny in a service control policy. {ENCODED_FAILURE}",
        status=403,
    ),
)

ACCOUNT = (
    Fault(
        "pending-verification",
        "the account is not verified yet for this region",
        actions=PAID_ACTIONS,
        code="PendingVerification",
        message="Your request for accessing resources in this region is being validated, and you "
        "will not be able to launch additional resources in this region until the validation is "
        "complete. We will notify you by email once your request has been validated. While "
        "normally resolved within minutes, please allow up to 4 hours for this process to "
        "complete. If the issue still persists, please let us know by writing to "
        "aws-verification@amazon.com for further assistance.",
    ),
    Fault(
        "terms-not-accepted",
        "the image is a product of AWS Marketplace that was not subscribed to",
        actions=("RunInstances",),
        code="OptInRequired",
        message="In order to use this AWS Marketplace product you need to accept terms and "
        "subscribe. To do so please visit "
        "https://aws.amazon.com/marketplace/pp?sku=practice0000000000000000",
        status=401,
    ),
    Fault(
        "account-blocked",
        "the account is blocked",
        actions=PAID_ACTIONS,
        code="Blocked",
        message="This account is currently blocked and not recognized as a valid account. Please "
        "contact aws-verification@amazon.com if you have questions.",
    ),
    Fault(
        "throttled",
        "API calls are throttled",
        code="RequestLimitExceeded",
        message="Request limit exceeded.",
        status=503,
    ),
)

LIMITS = (
    Fault(
        "no-capacity",
        "no capacity for the type, at a launch",
        actions=("RunInstances",),
        code="InsufficientInstanceCapacity",
        message="We currently do not have sufficient {type} capacity in the Availability Zone "
        "you requested ({zone}). Our system will be working on provisioning additional "
        "capacity. You can currently get {type} capacity by not specifying an Availability "
        "Zone in your request or choosing us-east-1b, us-east-1c.",
        status=500,
    ),
    Fault(
        "no-capacity-on-start",
        "no capacity for the type, at a start",
        actions=("StartInstances",),
        code="InsufficientInstanceCapacity",
        message="Insufficient capacity.",
        status=500,
    ),
    Fault(
        "vcpu-limit",
        "the vCPU quota is exceeded",
        actions=PAID_ACTIONS,
        code="VcpuLimitExceeded",
        message="You have requested more vCPU capacity than your current vCPU limit of 0 "
        "allows for the instance bucket that the specified instance type belongs to. Please "
        "visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this "
        "limit.",
    ),
    Fault(
        "volume-limit",
        "the account has its limit of EBS storage, at a launch",
        actions=("RunInstances",),
        code="VolumeLimitExceeded",
        message="You have exceeded your maximum gp3 storage limit of 50 TiB in this region. "
        "Please contact AWS Support to request an Elastic Block Store service limit increase.",
    ),
    Fault(
        "filter-limit",
        "the call has more filter values than EC2 takes",
        actions=("DescribeInstances", "DescribeVolumes"),
        code="FilterLimitExceeded",
        message="The maximum number of filter values specified on a single call is 200",
    ),
)

INSTANCES = (
    Fault(
        "wrong-state",
        "the state of the instance does not allow the call",
        actions=("StartInstances", "StopInstances", "ModifyInstanceAttribute"),
        code="IncorrectInstanceState",
        message="The instance '{id}' is not in a state from which this can be done.",
    ),
    Fault(
        "no-such-instance",
        "the instance does not exist",
        required_parameter="InstanceId",
        code="InvalidInstanceID.NotFound",
        message="The instance ID '{id}' does not exist",
    ),
    Fault(
        "termination-protection",
        "the instance is protected from termination",
        actions=("TerminateInstances",),
        code="OperationNotPermitted",
        message="The instance '{id}' may not be terminated. Modify its 'disableApiTermination' "
        "instance attribute and try again.",
    ),
    Fault(
        "stop-protection",
        "the instance is protected from being stopped",
        actions=("StopInstances",),
        code="OperationNotPermitted",
        message="The instance '{id}' may not be stopped. Modify its 'disableApiStop' instance "
        "attribute and try again.",
    ),
)

IMAGES_AND_TYPES = (
    Fault(
        "no-such-image",
        "the image does not exist",
        actions=("RunInstances", "DescribeImages"),
        code="InvalidAMIID.NotFound",
        message="The image id '[{image}]' does not exist",
    ),
    Fault(
        "image-not-shared",
        "the image is private and not shared with the account",
        actions=("RunInstances",),
        code="AuthFailure",
        message="Not authorized for images: [{image}]",
    ),
    Fault(
        "unsupported",
        "the instance type is not offered in the zone",
        actions=TYPE_ACTIONS,
        code="Unsupported",
        message="The requested configuration is currently not supported. Please check the "
        "documentation for supported configurations.",
    ),
    Fault(
        "other-architecture",
        "the image is for another processor than the type has",
        actions=("RunInstances", "ModifyInstanceAttribute"),
        code="InvalidParameterValue",
        message="The architecture 'arm64' of the specified instance type does not match the "
        "architecture 'x86_64' of the specified AMI. Specify an instance type and an AMI that "
        "have matching architectures, and try again. You can use 'describe-instance-types' or "
        "'describe-images' to discover the architecture of the instance type or AMI.",
    ),
    Fault(
        "no-ena",
        "the image lacks the network driver that the type needs",
        actions=TYPE_ACTIONS,
        code="InvalidParameterCombination",
        message="Enhanced networking with the Elastic Network Adapter (ENA) is required for the "
        "'{type}' instance type. Ensure that you are using an AMI that is enabled for ENA.",
    ),
)

NETWORKS = (
    Fault(
        "no-default-vpc",
        "the region has no default VPC",
        actions=("RunInstances", "CreateSecurityGroup"),
        code="VPCIdNotSpecified",
        message="No default VPC for this user. GroupName is only supported for EC2-Classic and "
        "default VPC.",
    ),
    Fault(
        "no-default-subnet",
        "the default VPC has no subnet",
        actions=("RunInstances",),
        code="MissingInput",
        message="No subnets found for the default VPC 'vpc-0123456789abcdef0'. Please specify a "
        "subnet.",
    ),
)

REFUSALS = (*CREDENTIALS, *ACCOUNT, *LIMITS, *INSTANCES, *IMAGES_AND_TYPES, *NETWORKS)
