"""The errors of AWS and of boto3 that have an error of dl_magics, with what to do about each.

The codes and messages are those of "Error codes for the Amazon EC2 API" and of the IAM and STS API
references. A rule may depend on the operation and on words of the message: `AuthFailure` is also
what EC2 says about an image that the account may not use. The first rule that matches counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dl_magics import errors


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """Error codes of AWS, or names of botocore's exceptions, and the error to raise for them.

    `happened` and `fix` are formatted with the facts of the error. `words` must be in the message,
    and the operation one of `calls`, if they are given.
    """

    names: str
    kind: type[errors.DLMagicsError]
    happened: str
    fix: str
    words: str = ""
    calls: str = ""

    def matches(self, code: str, call: str, message: str) -> bool:
        """Whether an error of AWS is of this rule."""
        return (
            code in self.names.split()
            and self.words.lower() in message.lower()
            and (not self.calls or call in self.calls.split())
        )

    def make_error(self, facts: Mapping[str, str]) -> errors.DLMagicsError:
        """Return the error with these facts."""
        return self.kind(self.happened.format(**facts), fix=self.fix.format(**facts))


_SSO = "In a terminal: aws sso login --profile {profile} · then run the cell again."
_VERIFY = "AWS needs up to four hours, for some accounts a day: wait for its e-mail, then retry."

ERROR_CODES = (
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
        "VolumeLimitExceeded",
        errors.QuotaReached,
        "{message}",
        "Delete a volume, choose a smaller --disk, or request an increase of the EBS quota.",
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
        "InvalidClientTokenId AuthFailure SignatureDoesNotMatch UnrecognizedClientException "
        "InvalidSignatureException",
        errors.NoCredentials,
        "AWS rejected the access keys of profile '{profile}' ({code}).",
        "In a terminal: aws configure --profile {profile}",
    ),
    ErrorRule(
        "UnauthorizedOperation AccessDenied AccessDeniedException",
        errors.NotAllowed,
        "A policy denies profile '{profile}' {action} explicitly: {message}",
        "Adding an Allow does not help. Ask the administrator of the account or organization.",
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

BOTO_EXCEPTIONS = (
    ErrorRule(
        "ProfileNotFound",
        errors.NoCredentials,
        "The AWS profile '{profile}' does not exist on this computer.",
        "%aws_profile lists the profiles · aws configure --profile NAME creates one.",
    ),
    ErrorRule(
        "NoRegionError InvalidRegionError",
        errors.NoRegion,
        "The AWS region is missing or invalid: {region}.",
        "%aws_region us-east-1",
    ),
    ErrorRule(
        "MissingDependencyException",
        errors.NotInstalled,
        "Profile '{profile}' needs a part of boto3 that is not installed: {message}",
        '%pip install "botocore[crt]", then restart the kernel.',
    ),
    ErrorRule(
        "UnauthorizedSSOTokenError SSOTokenLoadError TokenRetrievalError SSOError",
        errors.NoCredentials,
        "The login of profile '{profile}' has expired or is missing: {message}",
        _SSO,
    ),
    ErrorRule(
        "LoginRefreshRequired LoginTokenLoadError LoginInsufficientPermissions LoginError",
        errors.NoCredentials,
        "The login of profile '{profile}' has expired or is missing: {message}",
        "In a terminal: aws login --profile {profile} · then run the cell again.",
    ),
    ErrorRule(
        "CredentialRetrievalError",
        errors.NoCredentials,
        "The credentials of profile '{profile}' could not be read: {message}",
        "Run the credential_process of its section in ~/.aws/config in a terminal.",
    ),
    ErrorRule(
        "NoCredentialsError PartialCredentialsError",
        errors.NoCredentials,
        "No AWS credentials were found for profile '{profile}'.",
        "In a terminal: aws configure · or, without an AWS account: %practice on",
    ),
    ErrorRule(
        "ConfigParseError ConfigNotFound InvalidConfigError",
        errors.BadSetting,
        "The AWS configuration could not be read: {message}",
        "Correct ~/.aws/config or ~/.aws/credentials; in a terminal: aws configure list",
    ),
    ErrorRule(
        "ProxyConnectionError InvalidProxiesConfigError",
        errors.NoAnswer,
        "The proxy did not answer: {message}",
        "Check HTTPS_PROXY and NO_PROXY in the environment of this kernel.",
    ),
    ErrorRule(
        "SSLError",
        errors.NoAnswer,
        "The certificate of AWS could not be verified: {message}",
        "A proxy may inspect connections: set AWS_CA_BUNDLE to its certificate file.",
    ),
    ErrorRule(
        "ReadTimeoutError ConnectTimeoutError",
        errors.NoAnswer,
        "AWS did not answer in time ({kind}).",
        "%aws_state shows the current state; then run the cell again.",
    ),
    ErrorRule(
        "HTTPClientError ConnectionError",
        errors.NoAnswer,
        "AWS could not be reached ({kind}).",
        "Check that this computer is online; %aws_state shows the current state.",
    ),
)
