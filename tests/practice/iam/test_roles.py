from __future__ import annotations

import json
import time
from dataclasses import replace
from functools import partial

import pytest
from botocore.exceptions import ClientError

from dl_magics.practice.s3.buckets import Bucket, Buckets
from support.ec2_client import ONE_TRY, open_session
from support.s3.roles import allow_reading

PROFILE = {"IamInstanceProfile": {"Name": "reader"}}


@pytest.fixture
def instance(account, iam):
    """An instance of moto with the role."""
    allow_reading(iam, "reader", "photos", "pets/*")
    return account.api.state.find_instance(account.launch(**PROFILE))


def open_as(account, key, service):
    session = open_session(key.id, key.secret, key.token, region_name="us-east-1")
    return session.client(service, endpoint_url=account.url, config=ONE_TRY)


def refused(call):
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


@pytest.mark.parametrize("prepare", ["no profile", "no role"])
def test_ec2_refuses_a_profile_that_does_not_exist_or_has_no_role(account, prepare):
    if prepare == "no role":
        account.client("iam").create_instance_profile(InstanceProfileName="reader")

    code, message = refused(partial(account.launch, **PROFILE))

    assert code == "InvalidParameterValue"
    assert message.startswith("Value (reader) for parameter iamInstanceProfile.name is invalid.")
    assert not account.client().describe_instances()["Reservations"]


def test_an_instance_keeps_its_profile_while_it_is_stopped_and_can_get_one_later(account, instance):
    ec2 = account.client()
    ec2.stop_instances(InstanceIds=[instance.id])
    bare = account.launch()
    ec2.associate_iam_instance_profile(InstanceId=bare, **PROFILE)

    found = [each["Instances"][0] for each in ec2.describe_instances()["Reservations"]]

    arn = "arn:aws:iam::123456789012:instance-profile/reader"
    assert [each["IamInstanceProfile"]["Arn"] for each in found] == [arn, arn]


LASTING = {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "stop"}
SPOT = {"InstanceMarketOptions": {"MarketType": "spot", "SpotOptions": LASTING}}


def test_without_its_profile_a_spot_instance_is_not_replaced(account, instance):
    iam, ec2 = account.client("iam"), account.client()
    iam.create_instance_profile(InstanceProfileName="spare")
    iam.add_role_to_instance_profile(InstanceProfileName="spare", RoleName="reader")
    first = account.launch("g4dn.xlarge", **SPOT, IamInstanceProfile={"Name": "spare"})
    iam.remove_role_from_instance_profile(InstanceProfileName="spare", RoleName="reader")
    iam.delete_instance_profile(InstanceProfileName="spare")

    ec2.terminate_instances(InstanceIds=[first])
    ec2.describe_instances()

    (request,) = ec2.describe_spot_instance_requests()["SpotInstanceRequests"]
    assert (request["State"], request["Status"]["Code"]) == ("failed", "bad-parameters")
    found = [each["Instances"][0] for each in ec2.describe_instances()["Reservations"]]
    assert {each["InstanceId"] for each in found} == {first, instance.id}


def test_a_spot_instance_that_replaces_another_one_has_its_profile(account, instance):
    ec2 = account.client()
    first = account.launch("g4dn.xlarge", **SPOT, **PROFILE)

    ec2.terminate_instances(InstanceIds=[first])
    ec2.describe_instances()

    found = [each["Instances"][0] for each in ec2.describe_instances()["Reservations"]]
    (second,) = (each for each in found if each["InstanceId"] not in (first, instance.id))
    assert second["IamInstanceProfile"]["Arn"].endswith("instance-profile/reader")


def test_the_credentials_of_a_role_do_what_its_policies_allow_and_nothing_else(
    account, instance, tmp_path
):
    (tmp_path / "pets").mkdir()
    for name in ("pets/1.jpg", "notes.txt"):
        (tmp_path / name).write_text("x")
    Buckets(account.api.state.extra).put(Bucket("photos", tmp_path, "us-east-1", time.time()))
    key = account.api.roles.issue_credentials(instance).key
    s3 = open_as(account, key, "s3")

    read = partial(s3.get_object, Bucket="photos")

    assert s3.list_objects_v2(Bucket="photos")["KeyCount"] == 2
    assert read(Key="pets/1.jpg")["Body"].read() == b"x"
    code, message = refused(partial(read, Key="notes.txt"))
    assert code == "AccessDenied"
    who = f"assumed-role/reader/{instance.id}"
    assert f"{who} is not authorized to perform: s3:GetObject" in message
    assert refused(s3.list_buckets)[0] == "AccessDenied"
    assert refused(open_as(account, key, "ec2").describe_instances)[0] == "UnauthorizedOperation"
    identity = open_as(account, key, "sts").get_caller_identity()
    assert identity["Arn"].endswith(f"assumed-role/reader/{instance.id}")


def test_who_may_not_list_a_bucket_is_not_told_that_it_lacks_an_object(
    account, iam, instance, tmp_path
):
    Buckets(account.api.state.extra).put(Bucket("photos", tmp_path, "us-east-1", time.time()))
    policy = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": policy})
    iam.put_role_policy(RoleName="reader", PolicyName="read", PolicyDocument=document)
    s3 = open_as(account, account.api.roles.issue_credentials(instance).key, "s3")

    assert refused(partial(s3.get_object, Bucket="photos", Key="pets/1"))[0] == "AccessDenied"


def test_credentials_expire_and_are_renewed_before(account, instance, monkeypatch):
    roles, now = account.api.roles, time.time()
    first = roles.issue_credentials(instance).key
    assert roles.issue_credentials(instance).key == first
    monkeypatch.setattr("dl_magics.practice.iam.roles.time.time", lambda: now + 6 * 3600 - 600)
    second = roles.issue_credentials(instance).key
    monkeypatch.undo()
    account.api.sessions.add_key(replace(second, expires=now - 1))

    assert second.id != first.id
    assert first.expires - now == pytest.approx(6 * 3600, abs=60)
    assert refused(open_as(account, second, "s3").list_buckets)[0] == "ExpiredToken"


def test_an_instance_without_a_role_has_no_credentials(account):
    bare = account.api.state.find_instance(account.launch())

    assert account.api.roles.issue_credentials(bare) is None
    assert account.api.roles.describe_item(bare, "security-credentials") is None
