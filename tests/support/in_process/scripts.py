"""Read a script of `--explain`: which requests it sends, and what it runs over SSH."""

from __future__ import annotations

import json
import re
import shlex
from functools import cache
from typing import Any

from botocore.model import OperationModel, ServiceModel, Shape
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from botocore.session import Session

from dl_magics.practice.ec2.http import ApiCall

CHANGED = {"ec2": "ec2", "cloudwatch": "monitoring"}
"""What magics change: the names of services in commands, and in signatures."""

READS = ("describe-", "get-", "list-", "wait")
_KEBAB = re.compile(r"(?<=[a-z])(?=[A-Z])")
_ASSIGNED = re.compile(
    r"(?:until )?(?:\w+=\$\()?(?P<command>(?:aws [\w-]+|ssh) .*?)(?P<end>\)?)(?:; do .*)?"
)

Call = tuple[str, str, dict[str, Any]]
_NUMBERS = {"integer": int, "long": int, "double": float}
CBOR = "smithy-rpc-v2-cbor"


def read_calls(script: str) -> list[Call]:
    """Return the changing requests of a script: operation, region, parameters as they are sent."""
    commands = [words for words in _read_aws(script) if words[1] in CHANGED]
    changing = [words for words in commands if not words[2].startswith(READS)]
    return [_make_call(words[1:], _read_region(script)) for words in changing]


def read_queries(script: str) -> list[tuple[str, Call]]:
    """Return the requests of a script that only read, each with the name of its service."""
    reading = [words for words in _read_aws(script) if words[2].startswith(READS)]
    return [
        (_read_model(words[1]).signing_name, _make_call(words[1:], _read_region(script)))
        for words in reading
    ]


def read_ssh_commands(script: str) -> list[str]:
    """Return the commands that a script runs over SSH."""
    commands = [words for words in _read_commands(script) if words[0] == "ssh"]
    return [[word for word in words if word != "</dev/null"][-1] for words in commands]


def _read_aws(script: str) -> list[list[str]]:
    return [words for words in _read_commands(script) if words[0] == "aws"]


def _read_region(script: str) -> str:
    found = re.findall(r"^export AWS_DEFAULT_REGION=(.*)$", script, re.MULTILINE)
    return next(iter(found), "")


def _read_commands(script: str) -> list[list[str]]:
    lines = script.replace(" \\\n", " ").splitlines()
    found = [match for line in lines if (match := _ASSIGNED.fullmatch(line))]
    return [shlex.split(match["command"]) for match in found]


@cache
def _read_model(service: str) -> ServiceModel:
    return Session().get_service_model(service)


def _make_call(words: list[str], region: str) -> Call:
    service, command, *rest = words
    options = _read_options(rest)
    (region,) = options.pop("region", [region])
    model = _read_model(service)
    names = {_KEBAB.sub("-", name).lower(): name for name in model.operation_names}
    name = names[command]
    return name, region, _serialize(model.operation_model(name), options)


def _read_options(words: list[str]) -> dict[str, list[str]]:
    options: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("--"):
            options[word.removeprefix("--")] = []
        else:
            options[list(options)[-1]].append(word)
    for name in ("query", "output"):
        options.pop(name, None)
    return options


def _serialize(model: OperationModel, options: dict[str, list[str]]) -> dict[str, Any]:
    protocol = model.service_model.metadata["protocol"]
    members = {_KEBAB.sub("-", name).lower(): name for name in model.input_shape.members}
    parameters: dict[str, Any] = {
        members[name]: _parse(model.input_shape.members[members[name]], values)
        for name, values in options.items()
    }
    if model.name == "RunInstances":
        parameters |= {"MinCount": 1, "MaxCount": 1}
    body = create_serializer(protocol).serialize_to_request(parameters, model)["body"]
    if protocol in ("json", CBOR):
        return _write_values(_parse_cbor(body) if protocol == CBOR else json.loads(body))
    return {name: str(value) for name, value in body.items()}


def read_parameters(call: ApiCall) -> dict[str, Any]:
    """Return the parameters of a call that an account received, each as it is compared."""
    if call.protocol == "cbor":
        return _write_values(_parse_cbor(call.body))
    return _write_values(call.document) if call.protocol == "json" else call.parameters


def _parse_cbor(body: bytes) -> dict[str, Any]:
    parser: Any = create_parser(CBOR)
    return dict(parser.parse_data_item(parser.get_peekable_stream_from_bytes(body)))


def _write_values(values: dict[str, Any]) -> dict[str, str]:
    return {name: json.dumps(value) for name, value in values.items()}


def _parse(shape: Shape, values: list[str]) -> Any:
    if shape.type_name == "list" and values[0].startswith("Name="):
        return [dict(pair.split("=") for pair in value.split(",")) for value in values]
    if shape.type_name == "list" and shape.member.type_name == "string":
        return values
    if shape.type_name in ("list", "structure"):
        return json.loads(values[0])
    return _NUMBERS.get(shape.type_name, str)(values[0])
