from __future__ import annotations

import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError, IncompleteReadError

from support.ec2_client import ONE_TRY, open_session

PHOTO = {"Bucket": "photos", "Key": "pets/cats/2.jpg"}


def refused(call, **parameters):
    """Return the status and the code of a refusal."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def test_objects_are_listed_page_by_page_with_their_sizes(s3):
    pages = list(
        s3.get_paginator("list_objects_v2").paginate(
            Bucket="photos", Prefix="pets/", PaginationConfig={"PageSize": 2}
        )
    )

    assert [[(each["Key"], each["Size"]) for each in page["Contents"]] for page in pages] == [
        [("pets/cats/1.jpg", 3), ("pets/cats/2.jpg", 6)],
        [("pets/dogs/ü 1.jpg", 5)],
    ]
    assert [page["IsTruncated"] for page in pages] == [True, False]


def test_folders_are_listed_as_common_prefixes_on_any_size_of_page(s3):
    for size in (1, 2, 1000):
        paginator = s3.get_paginator("list_objects_v2").paginate(
            Bucket="photos", Delimiter="/", PaginationConfig={"PageSize": size}
        )
        found = [
            *(each["Key"] for page in paginator for each in page.get("Contents", ())),
            *(each["Prefix"] for page in paginator for each in page.get("CommonPrefixes", ())),
        ]
        assert found == ["notes.txt", "pets/"]


def test_an_object_is_read_whole_in_part_and_by_its_etag(s3):
    whole = s3.get_object(**PHOTO)
    part = s3.get_object(**PHOTO, Range="bytes=1-3", IfMatch=whole["ETag"])
    tail = s3.get_object(**PHOTO, Range="bytes=-2")
    head = s3.head_object(**PHOTO)

    assert whole["Body"].read() == b"second"
    assert (part["Body"].read(), part["ContentRange"]) == (b"eco", "bytes 1-3/6")
    assert tail["Body"].read() == b"second"[-2:]
    assert (head["ContentLength"], head["ETag"]) == (6, whole["ETag"])


def test_a_bucket_tells_its_region_and_a_client_is_led_to_it(s3):
    listed = s3.list_objects_v2(Bucket="elsewhere", Prefix="notes")

    assert [each["Key"] for each in listed["Contents"]] == ["notes.txt"]
    assert s3.get_bucket_location(Bucket="elsewhere")["LocationConstraint"] == "eu-west-1"
    assert s3.head_bucket(Bucket="photos")["BucketRegion"] == "us-east-1"
    assert [each["Name"] for each in s3.list_buckets()["Buckets"]] == ["elsewhere", "photos"]


@pytest.mark.parametrize(
    ("operation", "parameters", "refusal"),
    [
        ("list_objects_v2", {"Bucket": "no-such-bucket"}, (404, "NoSuchBucket")),
        ("head_bucket", {"Bucket": "no-such-bucket"}, (404, "404")),
        ("get_object", {"Bucket": "photos", "Key": "pets/none.jpg"}, (404, "NoSuchKey")),
        ("get_object", {"Bucket": "photos", "Key": "pets"}, (404, "NoSuchKey")),
        ("head_object", {"Bucket": "photos", "Key": "none"}, (404, "404")),
        ("get_object", {**PHOTO, "Range": "bytes=6-"}, (416, "InvalidRange")),
        ("get_object", {**PHOTO, "IfMatch": '"other"'}, (412, "PreconditionFailed")),
        ("copy_object", {**PHOTO, "CopySource": "photos/notes.txt"}, (501, "NotImplemented")),
        ("delete_object", PHOTO, (501, "NotImplemented")),
        ("get_bucket_policy", {"Bucket": "photos"}, (501, "NotImplemented")),
    ],
)
def test_what_is_not_there_or_would_change_a_folder_is_refused(
    s3, folder, operation, parameters, refusal
):
    assert refused(getattr(s3, operation), **parameters) == refusal
    assert (folder / PHOTO["Key"]).read_bytes() == b"second"


@pytest.mark.parametrize(
    ("keys", "refusal"),
    [
        (("AKIAUNKNOWN", "secret"), (403, "InvalidAccessKeyId")),
        (("AKIA0000000000000000", "wrong"), (403, "SignatureDoesNotMatch")),
        (("AKIA0000000000000000", "secret", "token"), (400, "InvalidToken")),
    ],
)
def test_requests_that_are_not_signed_with_a_known_key_are_refused(account, s3, keys, refusal):
    other = open_session(*keys, region_name="us-east-1").client(
        "s3", endpoint_url=account.url, config=ONE_TRY
    )

    assert refused(other.list_objects_v2, Bucket="photos") == refusal


def test_an_object_that_a_fault_cuts_ends_early_once(account, s3):
    account.inject_fault("s3-cut")

    with pytest.raises(IncompleteReadError):
        s3.get_object(**PHOTO)["Body"].read()
    assert s3.get_object(**PHOTO)["Body"].read() == b"second"


@pytest.mark.parametrize(
    ("fault", "refusal"),
    [
        ("s3-slow-down", (503, "SlowDown")),
        ("s3-denied", (403, "AccessDenied")),
        ("throttled", (503, "SlowDown")),
        ("not-allowed", (403, "AccessDenied")),
        ("expired-token", (400, "ExpiredToken")),
    ],
)
def test_faults_are_refusals_in_the_words_of_s3(account, s3, fault, refusal):
    account.inject_fault(fault)

    assert refused(s3.list_objects_v2, Bucket="photos") == refusal


def test_a_request_that_nobody_signed_is_denied(account, s3):
    nobody = open_session(region_name="us-east-1").client(
        "s3", endpoint_url=account.url, config=Config(signature_version=UNSIGNED)
    )

    assert refused(nobody.get_object, **PHOTO) == (403, "AccessDenied")
