"""Requests are checked against `openapi.yaml`, the contract that clients read too."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, ValidationError, validators
from jsonschema.exceptions import best_match
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from dl_magics.errors import BadSetting

FILE = Path(__file__).parent / "openapi.yaml"
METHODS = ("get", "put", "post", "delete")
_URI = "urn:dl-magics:openapi"
_SHOWN_CHARACTERS = 200
_BOOLEANS = {"true": True, "false": False}


def _check_pattern(
    _validator: object, pattern: str, value: object, _schema: object
) -> Iterator[ValidationError]:
    """Yield an error where a text does not match; `$` is the end, as in JavaScript."""
    if isinstance(value, str) and not re.search(pattern.replace("$", r"\Z"), value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


Validator: Any = validators.extend(Draft202012Validator, {"pattern": _check_pattern})


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks for, after it was checked: the values of the query, and the body."""

    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)


class Operation:
    """One method of one path of the contract."""

    def __init__(self, parameters: Sequence[Mapping[str, Any]], body: Any):
        self._path = [each for each in parameters if each["in"] == "path"]
        self._query = [each for each in parameters if each["in"] == "query"]
        self._body = body

    def check_request(
        self, path: Sequence[str], query: Mapping[str, Sequence[bytes]], body: bytes
    ) -> Request:
        """Return the values of a request; keys of the query that the contract lacks are ignored.

        Raises
        ------
        BadSetting
            if the contract does not allow them.
        """
        for parameter, text in zip(self._path, path, strict=True):
            _check(Validator(parameter["schema"]), text, parameter["name"])
        values = {}
        for parameter in self._query:
            name, schema = parameter["name"], parameter["schema"]
            if name in query:
                values[name] = _parse_text(query[name][-1], schema.get("type"))
                _check(Validator(schema), values[name], name)
            elif "default" in schema:
                values[name] = schema["default"]
        return Request(values, self._check_body(body))

    def _check_body(self, body: bytes) -> Mapping[str, Any]:
        if self._body is None:
            if body.strip() not in (b"", b"{}"):
                raise _make_error("body", "this request has none")
            return {}
        try:
            values = json.loads(body or b"{}", parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise _make_error("body", f"it is not JSON: {error}") from error
        _check(self._body, values, "body")
        checked: Mapping[str, Any] = values
        return checked


class Contract:
    """The operations of an OpenAPI document by path and method, and its schemas by name."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        resource = Resource.from_contents(document, default_specification=DRAFT202012)
        self._registry = Registry().with_resource(_URI, resource)
        self.operations = {
            (path, method): self._make_operation(path, method)
            for path, item in document["paths"].items()
            for method in METHODS
            if method in item
        }

    def validator(self, schema: str) -> Any:
        """Return the validator of a schema: its name, or its path in the document."""
        pointer = schema if schema.startswith("/") else f"/components/schemas/{schema}"
        return Validator({"$ref": f"{_URI}#{pointer}"}, registry=self._registry)

    def _make_operation(self, path: str, method: str) -> Operation:
        item = self.document["paths"][path]
        parameters = [*item.get("parameters", []), *item[method].get("parameters", [])]
        body = None
        if "requestBody" in item[method]:
            pointer = f"/paths/{path.replace('~', '~0').replace('/', '~1')}/{method}/requestBody"
            pointer = item[method]["requestBody"].get("$ref", f"#{pointer}").removeprefix("#")
            body = self.validator(f"{pointer}/content/application~1json/schema")
        return Operation([self._follow(each) for each in parameters], body)

    def _follow(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a parameter, or the one that it refers to."""
        if "$ref" not in node:
            return node
        found: Any = self.document
        for key in node["$ref"].removeprefix("#/").split("/"):
            found = found[key]
        followed: Mapping[str, Any] = found
        return followed


@cache
def load_contract() -> Contract:
    """Return the contract; it is parsed once."""
    # The loader in C is ten times faster where PyYAML was built with it.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return Contract(yaml.load(FILE.read_text(encoding="utf-8"), loader))


def _parse_text(text: bytes, kind: str | None) -> Any:
    word = text.decode("utf-8", "replace")
    if kind == "boolean":
        return _BOOLEANS.get(word, word)
    if kind == "integer" and word.isascii() and word.isdigit():
        return int(word[:_SHOWN_CHARACTERS])
    return word


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is not allowed")


def _check(validator: Any, value: Any, name: str) -> None:
    error = best_match(validator.iter_errors(value))
    if error:
        where = "".join(f"[{each!r}]" for each in error.absolute_path)
        raise _make_error(f"{name}{where}", error.message)


def _make_error(where: str, why: str) -> BadSetting:
    return BadSetting(
        f"The request is not valid: {where}: {why[:_SHOWN_CHARACTERS]}",
        fix=f"What it may be: {FILE}",
    )
