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


def test_an_image_can_be_named(cloud):
    wanted = images.find_image(context.load().session, "t2.micro").id

    assert images.find_image(context.load().session, "t2.micro", wanted).id == wanted


def test_an_image_that_is_not_there_is_said(cloud):
    with pytest.raises(errors.NoSuchImage) as refused:
        images.find_image(context.load().session, "t2.micro", "ami-00000000000000000")

    assert "--image" in refused.value.fix


def test_where_no_image_fits_it_says_so(cloud):
    with pytest.raises(errors.NoSuchImage):
        images.find_image(context.load().session, "g5g.xlarge")


def test_the_nearest_type_of_today_has_as_much_memory_and_boots_the_same_disk():
    near = instance_types.nearest_type("p2.xlarge", "us-east-1")

    assert near is not None
    assert near.type == "g4dn.xlarge"
    assert instance_types.nearest_type("nobody.knows", "us-east-1") is None
    assert instance_types.listed_price("nobody.knows", "us-east-1") is None
    assert instance_types.listed_price("g4dn.xlarge", "mars-east-1") is None
