"""The error codes of AWS, by code, operation and words of the message.

The codes and messages are those of "Error codes for the Amazon EC2 API" and of the IAM and STS API
references. A rule may depend on the operation and on words of the message: `AuthFailure` is also
what EC2 says about an image that the account may not use.
"""

from __future__ import annotations

from dl_magics import errors
from dl_magics.aws.error_rules.rule import ErrorRule

_VERIFY = "AWS needs up to four hours, for some accounts a day: wait for its e-mail, then retry."

ERROR_CODES = (
    ErrorRule(
        "InsufficientInstanceCapacity",
        errors.NoCapacity,
        "{message}",
        "Its disk is in that zone. Wait and retry: %aws_start NAME --wait 2h · or launch another: "
        "%aws_launch TYPE --spot --name OTHER",
        words="Spot capacity",
        calls="StartInstances",
    ),
    ErrorRule(
        "InsufficientInstanceCapacity",
        errors.NoCapacity,
        "{message}",
        "Wait, then run the cell again · or another type or --zone · or on demand: without --spot.",
        words="Spot capacity",
    ),
    ErrorRule(
        "SpotMaxPriceTooLow",
        errors.NoCapacity,
        "{message}",
        "A higher --max-price · or none: then at most the on-demand price is paid.",
        calls="RunInstances",
    ),
    ErrorRule(
        "SpotMaxPriceTooLow",
        errors.NoCapacity,
        "{message}",
        "The maximum of a request stays: wait until the price has fallen (%aws_start NAME --wait "
        "2h) · or launch another: %aws_launch TYPE --spot --name OTHER",
    ),
    ErrorRule(
        "AuthFailure.ServiceLinkedRoleCreationNotPermitted",
        errors.NotAllowed,
        "The account has not used spot instances yet, and profile '{profile}' may not create the "
        "role of AWS for them.",
        "An administrator runs once: aws iam create-service-linked-role --aws-service-name "
        "spot.amazonaws.com",
    ),
    ErrorRule(
        "AccessDenied",
        errors.NotAllowed,
        "The account has no alarms yet that stop instances, and profile '{profile}' may not create "
        "the role of AWS for them.",
        "An administrator runs once: aws iam create-service-linked-role --aws-service-name "
        "events.amazonaws.com",
        words="iam:CreateServiceLinkedRole",
    ),
    ErrorRule(
        "InsufficientInstanceCapacity InsufficientHostCapacity",
        errors.NoCapacity,
        "{message}",
        "Wait, then run the cell again.",
    ),
    ErrorRule(
        "VcpuLimitExceeded InstanceLimitExceeded MaxSpotInstanceCountExceeded",
        errors.QuotaReached,
        "{message}",
        "%aws_check shows the quotas.",
    ),
    ErrorRule(
        "FilterLimitExceeded",
        errors.CloudRefused,
        "{message} ({call})",
        "The account has more than dl_magics asks for in one call: name the instance by its id.",
    ),
    ErrorRule(
        "VolumeLimitExceeded",
        errors.QuotaReached,
        "{message}",
        "Delete a volume, choose a smaller --disk, or request an increase of the EBS quota.",
    ),
    ErrorRule(
        "UnsupportedOperation",
        errors.WrongState,
        "{message}",
        "Without its request a spot instance cannot be stopped: %aws_terminate {id} -f ends it and "
        "deletes its disk.",
        words="cancelled",
        calls="StopInstances",
    ),
    ErrorRule(
        "UnsupportedOperation",
        errors.WrongState,
        "{message}",
        "A one-time spot instance cannot be stopped: %aws_terminate {id} -f ends it and deletes "
        "its disk.",
        words="spot",
        calls="StopInstances",
    ),
    ErrorRule(
        "OperationNotPermitted",
        errors.WrongState,
        "{message}",
        "It is protected from termination. To allow it: aws ec2 modify-instance-attribute "
        "--instance-id {id} --no-disable-api-termination",
        calls="TerminateInstances",
    ),
    ErrorRule(
        "OperationNotPermitted",
        errors.WrongState,
        "{message}",
        "It is protected from being stopped. To allow it: aws ec2 modify-instance-attribute "
        "--instance-id {id} --no-disable-api-stop",
        calls="StopInstances",
    ),
    ErrorRule(
        "IncorrectSpotRequestState",
        errors.WrongState,
        "{message}",
        "EC2 itself stopped the spot instance and starts it again when it has capacity: wait, or "
        "%aws_launch TYPE --name OTHER",
        calls="StartInstances",
    ),
    ErrorRule(
        "IncorrectInstanceState IncorrectState",
        errors.WrongState,
        "{message}",
        "%aws_state shows its current state.",
    ),
    ErrorRule(
        "InvalidInstanceID.NotFound InvalidInstanceID.Malformed",
        errors.NoSuchInstance,
        "{message}",
        "%aws_list shows your instances.",
    ),
    ErrorRule(
        "AuthFailure",
        errors.NoSuchImage,
        "Profile '{profile}' may not launch this image: {message}",
        "Omit --image to use the newest Deep Learning AMI, or ask its owner to share it.",
        words="images",
    ),
    ErrorRule(
        "InvalidAMIID.NotFound InvalidAMIID.Malformed InvalidAMIID.Unavailable",
        errors.NoSuchImage,
        "{message}",
        "Omit --image to use the newest Deep Learning AMI.",
    ),
    ErrorRule(
        "Unsupported InvalidInstanceType",
        errors.NoSuchType,
        "{message}",
        "%aws_prices shows the types of this region.",
    ),
    ErrorRule(
        "InvalidParameterValue",
        errors.NoSuchType,
        "{message}",
        "Choose a type with the processor of the image: %aws_prices shows the types. Types with "
        "Graviton (arm64), such as g5g, need an image of their own: %aws_launch TYPE --name OTHER",
        words="architecture",
    ),
    ErrorRule(
        "InvalidParameterCombination",
        errors.NoSuchType,
        "{message}",
        "Launch a new instance with the newest Deep Learning AMI: %aws_launch TYPE --name OTHER",
        words="Elastic Network Adapter",
    ),
    ErrorRule(
        "MissingInput VPCIdNotSpecified DefaultVpcDoesNotExist",
        errors.CloudRefused,
        "This region has no default VPC or no subnet in it: {message}",
        "In a terminal: aws ec2 create-default-vpc · or %aws_region OTHER",
    ),
    ErrorRule(
        "PendingVerification",
        errors.CloudRefused,
        "AWS still verifies the account: {message}",
        _VERIFY,
    ),
    ErrorRule(
        "OptInRequired",
        errors.CloudRefused,
        "The account must first accept terms or complete its registration: {message}",
        "Open the address in the message, or https://console.aws.amazon.com, and accept them.",
    ),
    ErrorRule(
        "Blocked AccountProblem",
        errors.CloudRefused,
        "AWS has blocked the account: {message}",
        "Write to AWS Support: https://console.aws.amazon.com/support",
    ),
    ErrorRule(
        "AccessDenied",
        errors.NoCredentials,
        "AWS rejected the MFA code of profile '{profile}': {message}",
        "Wait until the device shows its next code, then run the cell again.",
        words="MultiFactorAuthentication failed",
    ),
    ErrorRule(
        "SignatureDoesNotMatch InvalidSignatureException",
        errors.NoCredentials,
        "The clock of this computer is wrong: {message}",
        "Correct its date and time, then run the cell again.",
        words="Signature expired",
    ),
    ErrorRule(
        "SignatureDoesNotMatch InvalidSignatureException",
        errors.NoCredentials,
        "The clock of this computer is wrong: {message}",
        "Correct its date and time, then run the cell again.",
        words="Signature not yet current",
    ),
    ErrorRule(
        "InvalidClientTokenId AuthFailure SignatureDoesNotMatch UnrecognizedClientException "
        "InvalidSignatureException InvalidAccessKeyId InvalidToken",
        errors.NoCredentials,
        "AWS rejected the access keys of profile '{profile}' ({code}).",
        "In a terminal: aws configure --profile {profile}",
    ),
    ErrorRule(
        "UnauthorizedOperation AccessDenied AccessDeniedException",
        errors.NotAllowed,
        "A policy denies profile '{profile}' {action} explicitly: {message}",
        "Adding an Allow does not help. Ask the administrator of the account or organization; a "
        "policy that requires MFA needs a profile with mfa_serial.",
        words="explicit deny",
    ),
    ErrorRule(
        "UnauthorizedOperation AccessDenied AccessDeniedException",
        errors.NotAllowed,
        "Profile '{profile}' is not authorized to perform {action}.",
        'Its policy needs {{"Effect": "Allow", "Action": "{action}", "Resource": "*"}}'
        " · %aws_check --policy prints the full policy.",
    ),
    ErrorRule(
        "RequestLimitExceeded Throttling ThrottlingException TooManyRequestsException",
        errors.TooManyRequests,
        "AWS throttled the request ({call}: {code}).",
        "Wait a minute, then run the cell again. Nothing was started twice.",
    ),
)
