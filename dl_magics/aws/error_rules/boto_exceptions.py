"""The exceptions of boto3, which it raises before AWS answers."""

from __future__ import annotations

from dl_magics import errors
from dl_magics.aws.error_rules.rule import ErrorRule

_SSO = "In a terminal: aws sso login --profile {profile} · then run the cell again."

BOTO_EXCEPTIONS = (
    ErrorRule(
        "ProfileNotFound",
        errors.NoCredentials,
        "The AWS profile '{profile}' does not exist on this computer.",
        "%aws_profile lists the profiles · aws configure --profile NAME creates one · "
        "without an AWS account: %practice on",
    ),
    ErrorRule(
        "NoRegionError InvalidRegionError",
        errors.NoRegion,
        "The AWS region is missing or invalid: {region}.",
        "%aws_region us-east-1 · without an AWS account: %practice on",
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
        "LoginRefreshRequired LoginTokenLoadError LoginInsufficientPermissions "
        "LoginAuthorizationCodeError LoginError",
        errors.NoCredentials,
        "The login of profile '{profile}' has expired or is missing: {message}",
        "In a terminal: aws login --profile {profile} · then run the cell again.",
    ),
    ErrorRule(
        "RefreshWithMFAUnsupportedError",
        errors.NoCredentials,
        "The session of profile '{profile}', which requires an MFA code, has expired.",
        "Run the cell again: it asks for a new code.",
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
        "Without an AWS account: %practice on · with one, in a terminal: aws configure",
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
