from __future__ import annotations

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def reopen(account, tmp_path):
    """Return a function that saves the account, and reads it again as after a restart."""
    from support.in_process import world

    def reopened(*, delay=0, damage=False):
        world.save_account(account)
        if damage:
            (tmp_path / "state.pickle").write_bytes(b"torn")
        world.close_account(account)
        again = world.open_account(tmp_path, account.port, delay=delay)
        account.api, account.app = again.api, again.app

    return reopened


def code(error):
    return error.value.response["Error"]["Code"]


def test_what_was_saved_is_there_again(renter, reopen):
    instance_id = renter.launch()
    before = renter.instance(instance_id)

    reopen()

    assert renter.instance(instance_id) == before


def test_an_instance_in_a_transient_state_cannot_be_started_or_stopped(renter, reopen):
    stopping = renter.launch()
    reopen(delay=600)
    renter.ec2.stop_instances(InstanceIds=[stopping])
    pending = renter.run_instances()["InstanceId"]

    with pytest.raises(ClientError) as starting:
        renter.ec2.start_instances(InstanceIds=[stopping])
    with pytest.raises(ClientError) as ending:
        renter.ec2.stop_instances(InstanceIds=[pending])

    assert code(starting) == code(ending) == "IncorrectInstanceState"


def test_a_damaged_state_is_set_aside(renter, reopen, tmp_path):
    renter.launch()

    reopen(damage=True)

    assert renter.ec2.describe_instances()["Reservations"] == []
    assert list(tmp_path.glob("state.set-aside-*"))
