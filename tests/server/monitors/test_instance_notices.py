from __future__ import annotations

import pytest

from dl_magics.actions.aws.panel.place import Place
from dl_magics.core.instance import Instance
from dl_magics.errors import NoAnswer
from dl_magics.server.monitors.instance_notices import InstanceNotices
from dl_magics.server.monitors.listing import Listing

PLACE = Place(profile="default", region="us-east-1", practice=False, own=False)


def instance(state: str, seen_at: float, reason: str = "") -> Instance:
    return Instance(
        id="i-0123abcd",
        name="gpu",
        state=state,
        type="g4dn.xlarge",
        launched_at=0.0,
        seen_at=seen_at,
        stopped_at=0.0 if state == "running" else 3600.0,
        type_dollars=0.6,
        public_addresses=1 if state == "running" else 0,
        address_dollars=0.005,
        disk_dollars=8.0,
        reason=reason,
    )


def follow(published, *views: Instance | None) -> list[dict]:
    notices = InstanceNotices(published)
    for view in views:
        notices.update(Listing(place=PLACE, each=(view,) if view else ()))
    return published.of("notice")


def test_a_stop_has_its_receipt_until_the_instance_cost_nothing_more(published):
    (notice,) = follow(
        published,
        instance("running", 3500),
        instance("stopping", 3600),
        instance("stopping", 3660),
        instance("stopped", 3700),
        instance("stopped", 3800),
    )

    assert (notice["kind"], notice["instance"]) == ("instance-stopped", "i-0123abcd")
    assert notice["message"].startswith("gpu: 1 h, $0.62; instance $0.60")


@pytest.mark.parametrize(
    "last", [None, instance("terminated", 3700, "Server.SpotInstanceTermination")]
)
def test_an_instance_that_ends_elsewhere_is_gone(published, last):
    (notice,) = follow(published, instance("running", 3500), last)

    assert (notice["kind"], notice["level"]) == ("instance-gone", "warning")
    assert "gpu (g4dn.xlarge, i-0123abcd) was terminated." in notice["message"]
    assert not last or "SpotInstanceTermination" in notice["message"]


def test_what_was_never_seen_running_and_what_aws_does_not_answer_is_no_notice(published):
    notices = InstanceNotices(published)
    notices.update(Listing(place=PLACE, each=(instance("stopped", 1),)))
    notices.update(Listing(place=PLACE, each=(instance("running", 2),)))
    notices.update(Listing(place=PLACE, error=NoAnswer("AWS is silent.", fix="Wait.")))
    notices.forget()
    notices.update(Listing(place=PLACE))

    assert published.events == []
