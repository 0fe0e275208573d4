"""A launch of a name that exists. Its limits on a running one: tests/magics/aws/test_guard.py."""

from __future__ import annotations

import pytest

from dl_magics import errors
from dl_magics.actions.aws import context
from dl_magics.aws.network import subnets


def test_options_that_an_existing_instance_does_not_have_are_refused_by_name(cloud, run):
    made = run("%aws_launch t2.micro --name t1 -y")
    here, other = subnets.find_default_subnets(context.load().session)[:2]
    for typed, has in [
        ("--disk 200", "with a disk of 100 GiB"),
        ("--image ami-0d1ea5e5c10bd5a99", f"of the image {made.image}"),
        ("--user ada", f"with the login user {made.user}"),
        (f"--subnet {other.id}", f"in {here.id}"),
        (f"--zone {other.zone} --disk 200", f"with a disk of 100 GiB, in {made.zone}"),
    ]:
        for last in ("-y", "--dry-run", "--explain"):
            with pytest.raises(errors.WrongState) as refused:
                run(f"%aws_launch t2.micro --name t1 --idle 7 {typed} {last}")

            assert f"'t1' already exists, {has}: running" in str(refused.value)
            assert all(word in str(refused.value) for word in (*typed.split(), "--idle 7"))
            assert "--name OTHER launches one" in refused.value.fix
            assert "%aws_launch t2.micro --name t1 uses that one as it is" in refused.value.fix

    same = f"--disk 100 --image {made.image} --user {made.user} --zone {made.zone}"
    assert run(f"%aws_launch t2.micro --name t1 {same} --subnet {here.id} -y").id == made.id


def test_a_stopped_instance_is_found_with_its_own_limits_and_not_with_others(cloud, run):
    made = run("%aws_launch t2.micro --name t1 --max-duration 5h -y")
    run("%aws_stop")

    same = run("%aws_launch t2.micro --name t1 --max-duration 5h -y")
    with pytest.raises(errors.WrongState) as refused:
        run("%aws_launch t2.micro --name t1 --max-duration 2h --idle 7 -y")
    with pytest.raises(errors.WrongState, match=r"Not applied: --disk 200\.$"):
        run("%aws_launch t2.micro --name t1 --max-duration 5h --disk 200 -y")
    with pytest.raises(errors.WrongState) as idle_refused:
        run("%aws_launch t2.micro --name t1 --max-duration 5h --idle 7 -y")

    assert (same.id, same.state) == (made.id, "stopped")
    assert "'t1' already exists and is stopped" in str(refused.value)
    assert str(refused.value).endswith("Not applied: --idle 7, --max-duration 2h.")
    assert refused.value.fix == "%aws_start t1 --max-duration 2h, then %idle_timeout 7 t1"
    assert str(idle_refused.value).endswith("Not applied: --idle 7.")
    assert idle_refused.value.fix == "%aws_start t1, then %idle_timeout 7 t1"


def test_another_maximum_price_than_that_of_a_spot_instance_is_refused(cloud, run):
    made = run("%aws_launch g4dn.xlarge --spot --max-price 0.40 -y")

    with pytest.raises(errors.WrongState, match=r"for at most \$0\.40/h: running") as refused:
        run("%aws_launch g4dn.xlarge --spot --max-price 0.30 -y")

    assert str(refused.value).endswith("Not applied: --spot --max-price 0.3.")
    assert run("%aws_launch g4dn.xlarge --spot --max-price 0.40 -y").id == made.id


def test_what_would_be_set_on_an_existing_instance_is_shown_and_explained(cloud, run):
    run("%aws_launch t2.micro --name t1 -y")

    shown = run("%aws_launch t2.micro --name t1 --max-duration 2h --dry-run")
    script = run("%aws_launch t2.micro --name t1 --max-duration 2h --idle 7 --explain")

    assert "--max-duration 2h would be set on its guard" in repr(shown)
    assert '"max_seconds": 7200.0' in script
    assert '"idle_seconds": 420.0' in script
    assert "put-metric-alarm" in script
