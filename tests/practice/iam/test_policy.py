from __future__ import annotations

import json

import pytest

from dl_magics.practice.iam.policy import evaluate_policies

LIST, BUCKET = "s3:ListBucket", "arn:aws:s3:::photos"
GET, OBJECT = "s3:GetObject", "arn:aws:s3:::photos/pets/1.jpg"


def allow(action, resource, effect="Allow", **more):
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


@pytest.mark.parametrize(
    ("statements", "listing", "reading"),
    [
        ([], "none", "none"),
        (allow("s3:*", "*"), "allow", "allow"),
        ([allow(LIST, BUCKET)], "allow", "none"),
        ([allow(GET, f"{BUCKET}/pets/*")], "none", "allow"),
        ([allow(GET, f"{BUCKET}/pet?/*")], "none", "allow"),
        ([allow(GET, f"{BUCKET}/other/*")], "none", "none"),
        # A bucket is not its objects.
        ([allow([LIST, GET], BUCKET)], "allow", "none"),
        ([allow(["S3:getobject", LIST], [BUCKET, f"{BUCKET}/*"])], "allow", "allow"),
        ([allow("s3:*", "*"), allow(GET, "*", "Deny")], "allow", "deny"),
        ([{"Effect": "Allow", "NotAction": GET, "Resource": "*"}], "allow", "none"),
        ([{"Effect": "Allow", "Action": "s3:*", "NotResource": BUCKET}], "none", "allow"),
        # What a condition says is not known: it allows nothing, and denies all the same.
        ([allow("s3:*", "*", Condition={"Bool": {"aws:SecureTransport": "true"}})], "none", "none"),
        (
            [allow("s3:*", "*"), allow(GET, "*", "Deny", Condition={"Bool": {}})],
            "allow",
            "deny",
        ),
        # A dot of a name stands for itself.
        ([allow(LIST, "arn:aws:s3:::phot.s")], "none", "none"),
    ],
)
def test_a_policy_allows_what_it_names_and_a_deny_wins(statements, listing, reading):
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})

    assert evaluate_policies([document], LIST, BUCKET) == listing
    assert evaluate_policies([document], GET, OBJECT) == reading


def test_a_deny_of_one_policy_counts_for_the_allow_of_another():
    documents = [
        json.dumps({"Statement": allow("s3:*", "*", effect)}) for effect in ("Allow", "Deny")
    ]

    assert evaluate_policies(documents, LIST, BUCKET) == "deny"
