"""What an instance costs: its price, addresses and disks, as far as they are known."""

from __future__ import annotations

import socket
from dataclasses import replace
from datetime import date

import pytest

from dl_magics.actions.aws import context, instances, selection
from dl_magics.aws.pricing import known, prices, spot
from dl_magics.aws.profile import AwsProfile
from dl_magics.aws.session import AwsSession


@pytest.fixture
def silent_price_list(cloud, monkeypatch, tmp_path):
    """The practice cloud as a profile of the user, whose price list accepts and never answers."""
    silent = socket.create_server(("127.0.0.1", 0))
    settings = selection.read().profile
    endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
    config = tmp_path / "config"
    with open(settings.config_file) as file:  # noqa: PTH123 - a path of AWS
        config.write_text(
            f"{file.read()}services = s\n[services s]\npricing =\n  endpoint_url = {endpoint}\n"
        )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", settings.credentials_file)
    own = replace(settings, config_file=None, credentials_file=None)
    selection.update(lambda before: replace(before, profile=own))
    yield
    silent.close()


def test_a_stop_does_not_wait_for_a_silent_price_list(silent_price_list, run, rent, monkeypatch):
    rent("g4dn.xlarge")
    listed = run("%aws_list")
    asked = prices.refresh(context.load().session, ["g4dn.xlarge"])

    receipt = run("%aws_stop gpu")

    assert all(thread.is_alive() for thread in asked)
    assert "$0.531/h" in repr(listed)
    assert receipt.price_day == "2026-11-23"


def test_a_launch_waits_only_some_seconds_for_a_silent_price_list(silent_price_list, monkeypatch):
    monkeypatch.setattr(prices, "_WAIT_SECONDS", 0.1)

    price = prices.read_price(context.load().session, "g4dn.xlarge")

    assert price is not None
    assert (price.dollars, price.source) == (0.526, "bundled table")


def test_a_listed_price_is_kept_for_later_kernels(cloud):
    began = date.today()
    session = context.load().session
    listed = prices.read_price(session, "g5.xlarge")

    later = AwsSession(session.profile)
    again = known.read_known(later).of_type("g5.xlarge")

    assert listed is not None
    assert listed.source == "AWS price list"
    assert began <= date.fromisoformat(listed.day) <= date.today()
    assert again == listed
    assert prices.refresh(later, ["g5.xlarge"]) == []


def test_a_damaged_file_of_prices_is_asked_for_again(cloud, home):
    session = context.load().session
    prices.read_price(session, "g5.xlarge")
    (home / "prices.json").write_text('{"practice": [1, {"x": null}]')

    listed = prices.read_price(session, "g5.xlarge")

    assert listed is not None
    assert listed.source == "AWS price list"


@pytest.mark.parametrize("region", ["us-gov-west-1", "cn-north-1", "mars-east-1"])
def test_where_no_price_list_can_be_called_nothing_is_asked(region):
    session = AwsSession(AwsProfile(region=region))

    assert prices.refresh(session, ["g4dn.xlarge"]) == []


def test_all_disks_and_elastic_addresses_of_an_instance_are_counted(cloud, run, rent):
    id_ = rent("t2.micro")
    session = context.load().session
    zone = context.load().ec2.describe_instance(id_).zone
    disk = session.change_ec2("create_volume", AvailabilityZone=zone, Size=500, VolumeType="st1")
    session.change_ec2(
        "attach_volume", VolumeId=disk["VolumeId"], InstanceId=id_, Device="/dev/sdf"
    )
    address = session.change_ec2("allocate_address", Domain="vpc")
    session.change_ec2("associate_address", AllocationId=address["AllocationId"], InstanceId=id_)

    receipt = run("%aws_stop gpu")
    (stopped,) = (each for each in run("%aws_list") if each.id == id_)

    assert stopped.state == "stopped"
    assert [kind for kind, _ in stopped.disks].count("st1") == 1
    assert stopped.disk_dollars == known.read_known(session).of_disks(stopped.disks)
    assert stopped.elastic_dollars == pytest.approx(0.005 * 730)
    assert receipt.dollars_per_month == stopped.dollars_per_month
    assert "Elastic IPs" in repr(receipt)
    session.change_ec2("disassociate_address", PublicIp=address["PublicIp"])
    session.change_ec2("release_address", AllocationId=address["AllocationId"])


def test_a_running_instance_costs_its_public_address_too(cloud, run, rent):
    rent("t2.micro")

    (listed,) = (each for each in run("%aws_list") if not each.gone)

    assert listed.public_addresses == 1
    assert listed.elastic_ips == 0
    assert listed.dollars_per_hour == pytest.approx(0.0116 + 0.005)
    assert listed.price_day


def test_a_spot_instance_costs_the_spot_price_of_its_zone(cloud, run, rent):
    began = date.today()
    id_ = rent("g4dn.xlarge", InstanceMarketOptions={"MarketType": "spot"})

    listing = run("%aws_list")

    (listed,) = (each for each in listing if each.id == id_)
    zone = listed.zone
    price = spot.read_spot_prices(context.load().session, ["g4dn.xlarge"], zone)["g4dn.xlarge"]
    assert listed.spot
    assert listed.dollars_per_hour == pytest.approx(price.dollars + 0.005)
    assert began <= date.fromisoformat(listed.price_day) <= date.today()
    assert "/h (spot)" in repr(listing)
    assert listed.dollars_per_hour < 0.526


def test_a_spot_price_that_rises_is_asked_for_again_on_the_same_day(
    cloud_with_hosts, rent, monkeypatch
):
    rent("g4dn.xlarge", "cheap", InstanceMarketOptions={"MarketType": "spot"})

    def read():
        (seen,) = (each for each in instances.list_instances(context.load()) if not each.gone)
        return seen.type_dollars

    before = read()
    cloud_with_hosts.inject_fault("spot-price", seconds=600)
    soon = read()
    monkeypatch.setattr(prices, "_SPOT_SECONDS", 0.0)
    later = read()
    cloud_with_hosts.inject_fault("spot-capacity")  # prices are as usual again

    assert soon == before
    assert later > before
