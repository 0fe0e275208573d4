from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from dl_magics.core.instance import STATES, Instance, Instances, find_matching

INSTANCES = st.builds(
    Instance,
    id=st.from_regex(r"i-[0-9a-f]{17}", fullmatch=True),
    name=st.text(min_size=1),
    state=st.sampled_from(STATES),
    type=st.sampled_from(["t2.micro", "p2.xlarge", "g4dn.xlarge"]),
    ip=st.none() | st.just("203.0.113.7"),
    launched_at=st.floats(0, 2e9),
    seen_at=st.floats(0, 2e9),
    dollars_per_hour=st.none() | st.floats(0, 100),
    groups=st.lists(st.text()).map(tuple),
)


def an_instance(**changes):
    values = {"id": "i-1", "name": "gpu", "state": "running", "type": "p2.xlarge", **changes}
    return Instance(**values)


@given(INSTANCES)
def test_an_instance_is_restored_unchanged_from_json(instance):
    carried = Instance.from_json(json.loads(json.dumps(instance.to_json())))

    assert carried == instance


@given(INSTANCES)
def test_an_instance_that_does_not_run_has_no_hourly_cost(instance):
    assert instance.costs_money == (instance.state in ("pending", "running"))
    assert instance.costs_money or instance.dollars == 0


def test_an_unknown_key_is_ignored():
    assert Instance.from_json({**an_instance().to_json(), "unknown": 1}) == an_instance()


def test_a_snapshot_before_the_launch_time_has_no_cost():
    assert an_instance(launched_at=100, seen_at=50, dollars_per_hour=0.9).seconds == 0


def test_an_id_is_matched_before_a_name_and_a_name_before_a_type():
    by_id = an_instance(id="p2", name="a")
    by_name = an_instance(id="i-2", name="p2")
    by_type = an_instance(id="i-3", name="c")

    assert find_matching([by_type, by_name, by_id], "p2") == [by_id]
    assert find_matching([by_type, by_name], "p2") == [by_name]
    assert find_matching([by_type], "p2") == [by_type]
    assert find_matching([by_type], "p") == [by_type]
    assert find_matching([by_type], "g5") == []


def test_a_list_shows_its_profile_region_and_hourly_cost():
    rented = (an_instance(dollars_per_hour=0.9, ip="203.0.113.7"), an_instance(state="stopped"))

    listing = Instances("practice · us-east-1", rented, "i-1")

    assert repr(listing).splitlines()[0] == (
        "practice · us-east-1: 2 instances, 1 running at $0.90/h"
    )
    assert "→ gpu" in repr(listing)
    assert ">p2.xlarge</td>" in listing._repr_html_()
    assert list(listing) == list(rented)
    assert len(listing) == 2


def test_names_are_escaped_in_html():
    listing = Instances("default · us-east-1", (an_instance(name="<script>"),))

    assert "<script>" not in listing._repr_html_()


def test_a_list_reports_an_unknown_price():
    listing = Instances("default · us-east-1", (an_instance(dollars_per_hour=None),))

    assert "unknown price" in listing.summary
