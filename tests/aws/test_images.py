from __future__ import annotations

import pytest

from dl_magics import errors
from dl_magics.actions.aws import context
from dl_magics.aws import images, instance_types


def test_without_the_parameter_the_newest_image_is_looked_up(cloud):
    cloud.inject_fault("not-allowed", actions=["GetParameter"])

    found = images.find_image(context.load().session, "g4dn.xlarge")

    assert "Deep Learning" in found.name
    assert found.user == "ubuntu"


def test_an_image_is_found_by_its_id(cloud):
    wanted = images.find_image(context.load().session, "t2.micro").id

    assert images.find_image(context.load().session, "t2.micro", wanted).id == wanted


def test_an_image_that_does_not_exist_is_refused(cloud):
    with pytest.raises(errors.NoSuchImage) as refused:
        images.find_image(context.load().session, "t2.micro", "ami-00000000000000000")

    assert "--image" in refused.value.fix


def test_a_type_without_a_matching_image_is_refused(cloud):
    with pytest.raises(errors.NoSuchImage):
        images.find_image(context.load().session, "g5g.xlarge")


def test_the_nearest_current_type_has_as_much_gpu_memory_and_the_same_architecture():
    near = instance_types.nearest_type("p2.xlarge", "us-east-1")

    assert near is not None
    assert near.type == "g4dn.xlarge"
    assert instance_types.nearest_type("unknown.type", "us-east-1") is None
    assert instance_types.listed_price("unknown.type", "us-east-1") is None
    assert instance_types.listed_price("g4dn.xlarge", "mars-east-1") is None
