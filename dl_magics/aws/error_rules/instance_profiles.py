"""The error codes of EC2 about instance profiles; they count before the general ones.

The messages are those of RunInstances: a profile that was just made is not known to EC2 for some
seconds, and passing its role needs a permission of its own.
"""

from __future__ import annotations

from dl_magics import errors
from dl_magics.aws.error_rules.rule import ErrorRule

PROFILE_CODES = (
    ErrorRule(
        "InvalidParameterValue",
        errors.BadSetting,
        "The instance profile has no role: {message}",
        "aws iam add-role-to-instance-profile --instance-profile-name NAME --role-name ROLE gives "
        "it one · then run the cell again.",
        words="has no associated IAM Roles",
        calls="RunInstances",
    ),
    ErrorRule(
        "InvalidParameterValue",
        errors.BadSetting,
        "There is no such instance profile in the account: {message}",
        "aws iam list-instance-profiles lists them; a role alone is none. One that was just made "
        "is known to EC2 after some seconds: then run the cell again.",
        words="IAM Instance Profile",
        calls="RunInstances",
    ),
    ErrorRule(
        "UnauthorizedOperation",
        errors.NotAllowed,
        "A policy denies profile '{profile}' iam:PassRole explicitly, which gives a role to an "
        "instance: {message}",
        "Adding an Allow does not help. Ask the administrator of the account or organization, or "
        "launch without --instance-profile.",
        words="explicit deny",
        action="iam:PassRole",
    ),
    ErrorRule(
        "UnauthorizedOperation",
        errors.NotAllowed,
        "Profile '{profile}' is not authorized to perform iam:PassRole on {resource}, which gives "
        "that role to an instance.",
        'Its policy needs {{"Effect": "Allow", "Action": "iam:PassRole", "Resource": "{resource}", '
        '"Condition": {{"StringEquals": {{"iam:PassedToService": "ec2.amazonaws.com"}}}}}}',
        action="iam:PassRole",
    ),
)
