"""The commands of the page on S3 make a role that reads the photos, and does nothing else."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from botocore import xform_name

from dl_magics.practice.iam import policy

PAGE = Path(__file__).parents[2] / "docs/howto/training/s3.md"


def read_commands(text):
    """Return the service, the operation and the options of each command that changes AWS."""
    for line in re.findall(r"^aws (?:iam|ec2) .*", text, re.MULTILINE):
        service, operation, *options = shlex.split(line)[1:]
        yield service, operation.replace("-", "_"), dict(zip(*[iter(options)] * 2, strict=True))


def make_parameters(client, operation, options, files):
    """Return the parameters of an operation for options of the aws command, by botocore's model."""
    model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation])
    names = {f"--{xform_name(each, '-')}": each for each in model.input_shape.members}
    parameters = {}
    for option, value in options.items():
        if value.startswith("file://"):
            value = files[value.removeprefix("file://")]
        elif model.input_shape.members[names[option]].type_name == "structure":
            value = dict([value.split("=")])
        parameters[names[option]] = value
    return parameters


def test_the_commands_of_the_page_give_an_instance_a_role_that_only_reads(account):
    text = PAGE.read_text("utf-8")
    files = dict(
        zip(
            ("policy.json", "trust.json"),
            re.findall(r"```json\n(.*?)```", text, re.DOTALL),
            strict=True,
        )
    )
    id_ = account.launch()

    for service, operation, options in read_commands(text.replace("i-0123456789abcdef0", id_)):
        client = account.client(service)
        getattr(client, operation)(**make_parameters(client, operation, options, files))

    instance = account.api.state.find_instance(id_)
    assert account.api.roles.find_role(instance) == "dl-magics-photos"
    photo = "arn:aws:s3:::my-bucket/photos/cats/1.jpg"
    wanted = {
        ("s3:ListBucket", "arn:aws:s3:::my-bucket"): "allow",
        ("s3:GetObject", photo): "allow",
        ("s3:GetObject", "arn:aws:s3:::my-bucket/private/1.jpg"): "none",
        ("s3:PutObject", photo): "none",
        ("s3:ListBucket", "arn:aws:s3:::other"): "none",
    }
    assert {
        asked: policy.evaluate_policies([files["policy.json"]], *asked) for asked in wanted
    } == wanted
