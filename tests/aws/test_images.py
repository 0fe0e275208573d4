"""Which image a type gets, and who logs in to it."""

from __future__ import annotations

import pytest

from dl_magics import errors
from dl_magics.aws import images, instance_types

OPEN = "ami-0d1ea5e5c10bd5a11"
ARM = "ami-0d1ea5e5c10bd5a12"
PROPRIETARY = "ami-0d1ea5e5c10bd5a13"
ROCKY = "ami-0d1ea5e5c10bd5a14"


@pytest.mark.parametrize(
    ("type_", "id_", "user"),
    [
        ("t2.micro", OPEN, "ubuntu"),
        ("g4dn.xlarge", OPEN, "ubuntu"),
        ("p5.48xlarge", OPEN, "ubuntu"),
        ("p3.2xlarge", PROPRIETARY, "ec2-user"),
        ("g5g.xlarge", ARM, "ubuntu"),
        ("t4g.micro", ARM, "ubuntu"),
    ],
)
def test_a_type_gets_the_image_with_the_driver_of_its_gpu(in_account, account, type_, id_, user):
    found = images.find_image(in_account.session, type_)

    assert (found.id, found.user) == (id_, user)
    if id_ == PROPRIETARY:
        assert "GetParameter" not in [call.action for call in account.calls]


@pytest.mark.parametrize(
    ("type_", "what"),
    [
        ("g4ad.xlarge", "AMD Radeon Pro V520"),
        ("g6f.large", "a part of an NVIDIA L4, which needs NVIDIA's GRID driver"),
        ("inf2.xlarge", "AWS Neuron"),
    ],
)
def test_a_type_that_no_deep_learning_image_supports_needs_an_image_of_its_own(
    in_account, type_, what
):
    with pytest.raises(errors.NoSuchImage, match=what) as refused:
        images.find_image(in_account.session, type_)

    assert f"%aws_launch {type_} --image ami-…" in refused.value.fix
    assert images.find_image(in_account.session, type_, ROCKY).user == "rocky"


@pytest.mark.parametrize(
    ("type_", "id_", "why"),
    [
        ("g5g.xlarge", OPEN, "is for x86_64, and g5g.xlarge is arm64"),
        ("t2.micro", ARM, "is for arm64"),
        ("p3.2xlarge", OPEN, "do not support the V100"),
        ("g4ad.xlarge", OPEN, "AMD"),
        ("t2.micro", "ami-00000000000000000", "does not exist"),
    ],
)
def test_an_image_that_does_not_work_on_a_type_is_refused(in_account, type_, id_, why):
    with pytest.raises(errors.NoSuchImage, match=why) as refused:
        images.find_image(in_account.session, type_, id_)

    assert "--image" in refused.value.fix


def test_an_image_of_ones_own_needs_the_name_of_its_user(in_account, account):
    made = account.launch()
    own = account.client().create_image(InstanceId=made, Name="our-course")["ImageId"]

    with pytest.raises(errors.BadSetting, match="login user of the image 'our-course'") as refused:
        images.find_image(in_account.session, "t2.micro", own)

    assert f"--image {own} --user NAME" in refused.value.fix
    assert images.find_image(in_account.session, "t2.micro", own, user="ada").user == "ada"


def test_without_the_parameter_the_newest_image_is_looked_up(in_account, account):
    account.inject_fault("not-allowed", actions=("GetParameter",))

    assert images.find_image(in_account.session, "g4dn.xlarge").id == OPEN


def test_the_nearest_current_type_has_as_much_gpu_memory_and_runs_the_usual_image():
    near = instance_types.nearest_type("p2.xlarge", "us-east-1")

    assert near is not None
    assert near.type == "g4dn.xlarge"
    for type_ in ("g4ad.xlarge", "g6f.large", "p3.2xlarge"):
        near = instance_types.nearest_type(type_, "us-east-1")
        assert near is not None
        assert near.type.split(".")[0] not in ("g4ad", "g5g", "g6f", "p3")
    assert instance_types.nearest_type("unknown.type", "us-east-1") is None
    assert instance_types.listed_price("unknown.type", "us-east-1") is None
    assert instance_types.listed_price("g4dn.xlarge", "mars-east-1") is None
