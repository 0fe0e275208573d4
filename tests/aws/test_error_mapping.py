from __future__ import annotations

import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from dl_magics import errors
from dl_magics.actions.aws import access, context, selection
from dl_magics.actions.aws.launch.launch import make_guard_settings
from dl_magics.actions.aws.launch.plan import make_plan
from dl_magics.aws import launch, session
from dl_magics.aws.network import security_group
from dl_magics.guard import program
from dl_magics.ssh import keys
from dl_magics.store import state


def two_lines(error: errors.DLMagicsError) -> str:
    lines = error._render_traceback_()
    assert len(lines) == 2
    assert all("\n" not in line for line in lines)
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("expired-token", errors.NoCredentials, ["has expired", "aws sso login"]),
        ("bad-credentials", errors.NoCredentials, ["'practice'", "aws configure"]),
        (
            "not-allowed",
            errors.NotAllowed,
            ["ec2:DescribeInstances", '"Action": "ec2:DescribeInstances"', "%aws_check --policy"],
        ),
        ("malformed", errors.NoAnswer, ["not a valid AWS response"]),
    ],
)
def test_a_refused_query_is_reported_in_two_lines(rent, run, cloud, fault, kind, words):
    rent()
    run("%aws_get gpu")
    cloud.inject_fault(fault, actions=["DescribeInstances"])

    with pytest.raises(kind) as refused:
        run("%aws_state")

    text = two_lines(refused.value)
    assert all(word in text for word in words)
    assert "Encoded" not in text
    assert run("%aws_state") == "running"


@pytest.mark.parametrize(("fault", "times"), [("throttled", 3), ("connection-reset", 1)])
def test_a_query_is_retried_automatically(rent, run, cloud, fault, times):
    rent()
    run("%aws_get gpu")
    cloud.inject_fault(fault, times=times, actions=["DescribeInstances"])

    assert run("%aws_state") == "running"


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (
            "no-capacity-on-start",
            errors.NoCapacity,
            ["no capacity for g4dn.xlarge in us-east-1a", "--wait 20m", "%aws_resize"],
        ),
        ("vcpu-limit", errors.QuotaReached, ["4 vCPUs", "L-DB2E81BA", "servicequotas"]),
        ("not-allowed", errors.NotAllowed, ["ec2:StartInstances"]),
        ("unsupported", errors.NoSuchType, ["not supported", "%aws_prices"]),
        ("wrong-state", errors.WrongState, ["not in a state", "%aws_state"]),
        ("connection-reset", errors.NoAnswer, ["could not be reached", "%aws_state"]),
        ("malformed", errors.NoAnswer, ["not a valid AWS response"]),
    ],
)
def test_a_refused_start_leaves_the_instance_stopped(rent, run, cloud, fault, kind, words):
    rent("g4dn.xlarge", state="stopped")
    run("%aws_get gpu")
    cloud.inject_fault(fault, actions=["StartInstances"])

    with pytest.raises(kind) as refused:
        run("%aws_start -y")

    text = two_lines(refused.value)
    assert all(word in text for word in words)
    assert run("%aws_state") == "stopped"


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (
            "no-capacity",
            errors.NoCapacity,
            ["no g4dn.xlarge", "us-east-1b", "--zone us-east-1c"],
        ),
        ("vcpu-limit", errors.QuotaReached, ["L-DB2E81BA", "servicequotas", "4 vCPUs"]),
        ("unsupported", errors.NoSuchType, ["not supported"]),
        ("no-such-image", errors.NoSuchImage, ["does not exist", "--image"]),
        ("not-allowed", errors.NotAllowed, ["ec2:RunInstances"]),
    ],
)
def test_a_refused_launch_reports_the_cause_and_launches_nothing(run, cloud, fault, kind, words):
    cloud.inject_fault(fault, actions=["RunInstances"])

    with pytest.raises(kind) as refused:
        run("%aws_launch g4dn.xlarge -y")

    text = two_lines(refused.value)
    assert all(word in text for word in words)
    assert [each for each in context.load().ec2.list_instances() if not each.gone] == []


def test_an_unanswered_launch_is_repeated_with_the_same_token(run, cloud):
    cloud.inject_fault("connection-reset", actions=["RunInstances"])
    with pytest.raises(errors.NoAnswer):
        run("%aws_launch t2.micro -y")
    pending = state.read().pending_launches["practice"].token

    run("%aws_launch t2.micro -y")

    (made,) = [each for each in context.load().ec2.list_instances() if not each.gone]
    tags = context.load().session.query("ec2", "describe_tags")["Tags"]
    assert {"dl-magics:token", pending} <= {
        value
        for tag in tags
        if tag["ResourceId"] == made.id
        for value in (tag["Key"], tag["Value"])
    }
    assert state.read().pending_launches == {}


def test_repeating_an_executed_launch_returns_its_instance_and_host_key(
    run, cloud_with_hosts, rent
):
    cloud_with_hosts.inject_fault("connection-reset", actions=["RunInstances"])
    with pytest.raises(errors.NoAnswer):
        run("%aws_launch t2.micro -y")
    pending = state.read().pending_launches["practice"]
    executed = _repeat_launch(pending.token)

    launched = run("%aws_launch t2.micro -y")

    assert launched.id == executed
    assert launched.answers
    assert run("%aws_ssh echo here").stdout == "here\n"


def _repeat_launch(token: str) -> str:
    plan = make_plan(context.load(), "t2.micro")
    key, host_key = keys.ensure_key_pair("id_ed25519"), keys.ensure_key_pair(f"host-{token}")
    current = context.load()
    groups = security_group.find_groups(current.session, access.our_name())
    (group,) = groups.values()
    assert key.file.exists()
    request = launch.LaunchRequest(
        name=plan.name,
        type=plan.type,
        image=plan.image,
        disk_gib=plan.disk_gib,
        key=access.our_name(),
        group=group,
        token=token,
        user_data=launch.user_data(
            host_key.private, host_key.public, program.boot_command(make_guard_settings(plan))
        ),
    )
    return launch.run_instances(context.load().session, request).id


def test_a_throttled_start_is_retried(rent, run, cloud):
    rent(state="stopped")
    run("%aws_get gpu")
    cloud.inject_fault("throttled", times=2, actions=["StartInstances"])

    assert run("%aws_start -y").state == "running"


@pytest.fixture
def short_timeout(monkeypatch):
    """Return a function that shortens the read timeout of later AWS requests."""

    def now():
        monkeypatch.setattr(session, "_READ_SECONDS", 2)
        session._open.cache_clear()

    yield now
    session._open.cache_clear()


def test_a_query_that_times_out_is_reported_in_two_lines(
    rent, run, cloud_with_hosts, short_timeout
):
    rent()
    run("%aws_get gpu")
    short_timeout()
    # More than a query tries: the practice cloud may get queries of other clients, too.
    cloud_with_hosts.inject_fault("time-out", times=20, seconds=5, actions=["DescribeInstances"])

    with pytest.raises(errors.NoAnswer) as refused:
        run("%aws_state")

    assert "did not answer in time" in two_lines(refused.value)
    cloud_with_hosts.clear_faults()
    assert run("%aws_state") == "running"


def test_a_start_that_times_out_is_sent_once(rent, run, cloud_with_hosts, short_timeout):
    rent(state="stopped")
    run("%aws_get gpu")
    short_timeout()
    cloud_with_hosts.inject_fault("time-out", seconds=5, actions=["StartInstances"])

    with pytest.raises(errors.NoAnswer) as refused:
        run("%aws_start -y")

    assert "%aws_state" in two_lines(refused.value)
    assert run("%aws_state") == "stopped"
    assert run("%aws_start -y").state == "running"


def test_a_start_with_wait_is_retried_until_aws_has_capacity(rent, run, cloud):
    rent("g4dn.xlarge", state="stopped")
    run("%aws_get gpu")
    cloud.inject_fault("no-capacity-on-start", times=3)

    assert run("%aws_start --wait 20m -y").state == "running"


def test_a_start_with_wait_fails_after_that_time(rent, run, cloud):
    rent("g4dn.xlarge", state="stopped")
    run("%aws_get gpu")
    cloud.inject_fault("no-capacity-on-start", times=999)

    with pytest.raises(errors.NoCapacity):
        run("%aws_start --wait 20m -y")

    cloud.clear_faults()
    assert run("%aws_state") == "stopped"


def test_capacity_lost_after_the_start_was_accepted_is_reported(rent, run, cloud):
    rent("g4dn.xlarge", state="stopped")
    run("%aws_get gpu")
    cloud.inject_fault("no-capacity-late")

    with pytest.raises(errors.NoCapacity) as refused:
        run("%aws_start -y")

    assert "no capacity for g4dn.xlarge in us-east-1a" in two_lines(refused.value)
    assert run("%aws_state") == "stopped"
    assert run("%aws_start -y").state == "running"


def test_a_launch_terminated_while_pending_reports_the_reason_of_aws(run, cloud):
    cloud.inject_fault("no-capacity-late")

    with pytest.raises(errors.NoSuchInstance) as refused:
        run("%aws_launch t2.micro -y")

    assert "Server.InsufficientInstanceCapacity" in two_lines(refused.value)
    assert run("%aws_launch t2.micro -y").answers


def test_a_stop_that_ec2_refuses_as_too_early_is_sent_again(rent, run, cloud):
    rent()
    run("%aws_get gpu")
    cloud.inject_fault("wrong-state", actions=["StopInstances"])

    run("%aws_stop")

    assert run("%aws_state") == "stopped"


def test_a_type_without_a_price_is_listed_with_price_unknown(rent, run, cloud):
    rent("t3.nano")
    cloud.inject_fault("not-allowed", times=9, actions=["GetProducts"])

    listed = run("%aws_list")
    cloud.clear_faults()

    (shown,) = [each for each in listed if not each.gone]
    assert shown.dollars_per_hour is None
    assert "price unknown" in repr(listed)
    assert "unknown price" in listed.summary


def test_missing_credentials_suggest_the_practice_cloud(run, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")

    with pytest.raises(errors.NoCredentials) as refused:
        run("%aws_list")

    assert "%practice on" in two_lines(refused.value)


def test_prices_need_no_account(run):
    shown = repr(run("%aws_prices T4"))

    assert "g4dn.xlarge" in shown
    assert "$0.526/h" in shown
    assert "Spot prices and quotas need an AWS account." in shown
    assert "%practice on" in shown


def test_a_missing_region_suggests_aws_region(run, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-words")

    with pytest.raises(errors.NoRegion) as refused:
        run("%aws_list")

    assert "%aws_region us-east-1" in two_lines(refused.value)
    assert "%practice on" in two_lines(refused.value)
    assert "secret" not in two_lines(refused.value)


def test_a_profile_that_does_not_exist_is_named(run, cloud):
    with pytest.raises(errors.NoCredentials) as refused:
        run("%aws_profile missing")

    assert "'missing'" in two_lines(refused.value)
    assert "practice" in run("%aws_profile")


def test_a_region_that_does_not_exist_is_refused_with_the_valid_ones(run, cloud):
    with pytest.raises(errors.NoRegion) as refused:
        run("%aws_region mars-east-1")

    assert "us-east-1" in two_lines(refused.value)


def test_an_instance_id_of_another_region_suggests_that_region(rent, run):
    id_ = rent()
    run("%aws_region us-west-2")

    with pytest.raises(errors.NoSuchInstance) as refused:
        run(f"%aws_get {id_}")

    assert refused.value.fix == "%aws_region us-east-1"


def test_a_start_of_a_terminated_instance_is_refused(rent, run):
    id_ = rent()
    run("%aws_get gpu")
    context.load().session.change_ec2("terminate_instances", InstanceIds=[id_])

    with pytest.raises(errors.NoSuchInstance) as refused:
        run("%aws_start -y")

    assert "no longer exists" in two_lines(refused.value)


def test_an_unknown_name_is_refused_with_a_hint(cloud, run):
    with pytest.raises(errors.NoSuchInstance) as refused:
        run("%aws_get gqu")

    assert "'gqu'" in str(refused.value)
    assert "%aws_list" in refused.value.fix


def test_a_start_without_a_selected_instance_is_refused(cloud, run):
    with pytest.raises(errors.NoSuchInstance, match="No instance is selected"):
        run("%aws_start -y")


def test_an_unreachable_endpoint_asks_to_check_the_network(run, cloud, tmp_path):
    config = tmp_path / "config"
    config.write_text("[profile practice]\nregion=us-east-1\nendpoint_url=http://127.0.0.1:9\n")
    settings = replace(selection.read().profile, config_file=str(config))
    selection.update(lambda before: replace(before, profile=settings))

    with pytest.raises(errors.NoAnswer) as refused:
        run("%aws_list")

    assert "online" in two_lines(refused.value)


def test_a_wrong_clock_is_distinguished_from_an_expired_session(run, tmp_path):
    server = _server(
        400,
        "<Response><Errors><Error><Code>RequestExpired</Code><Message>Request has expired."
        "</Message></Error></Errors></Response>",
        date="Mon, 01 Jan 2001 00:00:00 GMT",
    )
    _choose_server(tmp_path, server.server_port)

    with pytest.raises(errors.NoCredentials) as refused:
        run("%aws_list")

    server.shutdown()
    assert "is wrong by" in two_lines(refused.value)


@pytest.mark.parametrize(
    "answer",
    [
        "<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>i-1"
        "</instanceId></item></instancesSet></item></reservationSet></DescribeInstancesResponse>",
        "not xml at all",
    ],
)
def test_an_invalid_response_is_reported_in_two_lines(run, tmp_path, answer):
    server = _server(200, answer)
    _choose_server(tmp_path, server.server_port)

    with pytest.raises(errors.NoAnswer) as refused:
        run("%aws_list")

    server.shutdown()
    two_lines(refused.value)


def test_an_unknown_error_code_is_shown(run, tmp_path):
    server = _server(
        400,
        "<Response><Errors><Error><Code>SomethingNew</Code><Message>Sign up first."
        "</Message></Error></Errors></Response>",
    )
    _choose_server(tmp_path, server.server_port)

    with pytest.raises(errors.CloudRefused) as refused:
        run("%aws_list")

    server.shutdown()
    assert "SomethingNew" in two_lines(refused.value)


def _server(status: int, answer: str, date: str | None = None) -> HTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer.encode())

        def date_time_string(self, timestamp=None) -> str:
            return date or super().date_time_string(timestamp)

        def log_message(self, *words) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def _choose_server(folder: Path, port: int) -> None:
    (folder / "config").write_text(
        f"[profile odd]\nregion = us-east-1\nendpoint_url = http://127.0.0.1:{port}\n"
    )
    (folder / "credentials").write_text(
        "[odd]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = secret\n"
    )
    settings = state.ProfileSettings(
        profile="odd",
        config_file=str(folder / "config"),
        credentials_file=str(folder / "credentials"),
    )
    selection.update(lambda before: replace(before, profile=settings))
