"""The lists of buckets and of objects, as S3 writes them."""

from __future__ import annotations

import base64
import html
from binascii import Error as NotBase64
from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import quote

from dl_magics.practice.ec2.http import ApiResponse, raise_api_error
from dl_magics.practice.s3 import buckets
from dl_magics.practice.s3.buckets import Bucket, StoredObject
from dl_magics.practice.s3.requests import S3Request

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


def list_buckets(each: Iterable[Bucket]) -> ApiResponse:
    """Return the response to ListBuckets."""
    items = "".join(
        f"<Bucket>{_element('Name', one.name)}"
        f"{_element('CreationDate', _format_time(one.created_at))}</Bucket>"
        for one in each
    )
    owner = "<Owner><ID>practice</ID></Owner>"
    return _xml("ListAllMyBucketsResult", f"{owner}<Buckets>{items}</Buckets>")


def locate_bucket(bucket: Bucket) -> ApiResponse:
    """Return the response to GetBucketLocation, which names no region for us-east-1."""
    region = "" if bucket.region == "us-east-1" else bucket.region
    return _xml("LocationConstraint", region)


def list_objects(bucket: Bucket, request: S3Request) -> ApiResponse:
    """Return the response to ListObjectsV2: a page, and the token of the next one."""
    given, most = request.parameters, request.read_page_size()
    prefix, delimiter = given.get("prefix", ""), given.get("delimiter", "")
    after = given.get("start-after", "")
    if "continuation-token" in given:
        after = _read_token(given["continuation-token"])
    encode = _quote if given.get("encoding-type") == "url" else str
    items: list[str] = []
    grouped: list[str] = []
    last, is_cut = after, False
    for each in buckets.iter_objects(bucket, prefix, after):
        group = _find_group(each.key, prefix, delimiter)
        if group and (group in grouped or after.startswith(group)):
            last = each.key
            continue
        if len(items) + len(grouped) == most:
            is_cut = True
            break
        last = each.key
        if group:
            grouped.append(group)
        else:
            items.append(_describe_object(each, encode(each.key)))
    token = _element("NextContinuationToken", _make_token(last)) if is_cut else ""
    facts = {
        "Name": bucket.name,
        "Prefix": encode(prefix),
        "Delimiter": encode(delimiter),
        "MaxKeys": str(most),
        "KeyCount": str(len(items) + len(grouped)),
        "IsTruncated": str(is_cut).lower(),
        "EncodingType": given.get("encoding-type", ""),
    }
    shown = "".join(_element(name, value) for name, value in facts.items() if value)
    prefixes = "".join(
        f"<CommonPrefixes>{_element('Prefix', encode(each))}</CommonPrefixes>" for each in grouped
    )
    return _xml("ListBucketResult", f"{shown}{token}{''.join(items)}{prefixes}")


def _quote(text: str) -> str:
    return quote(text, safe="/-_.~")


def _find_group(key: str, prefix: str, delimiter: str) -> str:
    """Return the prefix that stands for a key and for others, "" for one that is listed itself."""
    rest = key.removeprefix(prefix)
    if not delimiter or delimiter not in rest:
        return ""
    return prefix + rest[: rest.index(delimiter) + len(delimiter)]


def _make_token(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def _read_token(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token.encode()).decode()
    except (NotBase64, ValueError):
        raise_api_error("InvalidArgument", "The continuation token provided is incorrect")


def _describe_object(each: StoredObject, key: str) -> str:
    facts = {
        "Key": key,
        "LastModified": _format_time(each.changed_at),
        "ETag": each.etag,
        "Size": str(each.size),
        "StorageClass": "STANDARD",
    }
    return f"<Contents>{''.join(_element(*fact) for fact in facts.items())}</Contents>"


def _xml(name: str, inner: str) -> ApiResponse:
    body = f'<?xml version="1.0" encoding="UTF-8"?><{name} xmlns="{NAMESPACE}">{inner}</{name}>'
    return ApiResponse(body.encode(), content_type="application/xml")


def _element(name: str, text: str) -> str:
    return f"<{name}>{html.escape(text, quote=False)}</{name}>"


def _format_time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S.000Z}"
