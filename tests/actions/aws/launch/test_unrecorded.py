"""A launch on a computer whose disk becomes full says what runs, and the same line goes on."""

from __future__ import annotations

import pytest

from dl_magics.actions.aws import context
from dl_magics.aws.session import AwsSession
from dl_magics.errors import DiskFull
from support.limits.disk import mount_small_disk


@pytest.fixture
def disk(home):
    """A small disk in the place of our folder."""
    with mount_small_disk(home, "8m") as disk:
        yield disk


@pytest.fixture
def fill_after(monkeypatch, disk):
    """Fill the disk after EC2 has launched so many instances."""

    def arm(count):
        change, launched = AwsSession.change_ec2, []

        def change_and_fill(self, name, **parameters):
            answer = change(self, name, **parameters)
            launched.extend(["an instance"] * (name == "run_instances"))
            if len(launched) == count:
                disk.fill()
            return answer

        monkeypatch.setattr(AwsSession, "change_ec2", change_and_fill)

    return arm


def existing():
    return [each for each in context.load().ec2.list_instances() if not each.gone]


def free(disk):
    (disk.folder / "filler").unlink()


def test_a_launch_that_cannot_be_recorded_is_named_and_the_same_line_goes_on(
    disk, cloud, run, rent, fill_after
):
    rent(name="before")
    run("%aws_get before")
    fill_after(1)

    with pytest.raises(DiskFull) as full:
        run("%aws_launch t2.micro --name two -y")
    with pytest.raises(DiskFull) as again:
        run("%aws_launch t2.micro --name two -y")
    selected = context.load().selected_id
    (launched,) = [each for each in existing() if each.name == "two"]
    free(disk)
    mended = run("%aws_launch t2.micro --name two -y")

    for error in (full.value, again.value):
        assert launched.id in str(error)
        assert "$0.0166/h" in str(error)
        assert "No space left on device" in str(error)
        assert f"%aws_terminate {launched.id} -f" in error.fix
        assert "costs money" in error.fix
    assert selected != launched.id
    assert mended.id == launched.id
    assert context.load().selected_id == launched.id
    assert len(existing()) == 2


def test_a_crew_that_cannot_be_recorded_is_named_and_launches_no_more(disk, cloud, run, fill_after):
    fill_after(2)

    with pytest.raises(DiskFull) as full:
        run("%aws_launch t2.micro --count 3 --name crew -y")
    named = {each.name: each.id for each in existing()}
    free(disk)
    run("%aws_launch t2.micro --count 3 --name crew -y")

    assert set(named) == {"crew-1", "crew-2"}
    assert "$0.0166/h" in str(full.value)
    assert named["crew-2"] in str(full.value)
    assert "1 of 3 were launched before, and cost money: crew-1." in str(full.value)
    assert f"%aws_terminate {named['crew-2']} -f" in full.value.fix
    assert sorted(each.name for each in existing()) == ["crew-1", "crew-2", "crew-3"]


def test_a_launch_on_a_full_disk_launches_nothing(disk, cloud, run):
    disk.fill()

    with pytest.raises(DiskFull, match="No space left on device"):
        run("%aws_launch t2.micro -y")

    assert existing() == []
