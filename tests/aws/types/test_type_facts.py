"""What is known of an instance type, from AWS and where AWS refuses to say it."""

from __future__ import annotations

import pytest

from dl_magics.aws.types import type_facts


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    monkeypatch.setattr(type_facts, "_described", {})


@pytest.mark.parametrize("refused", [False, True], ids=["from AWS", "where AWS refuses"])
@pytest.mark.parametrize(
    ("name", "vcpus", "architecture", "maker", "partial"),
    [
        ("m5.8xlarge", 32, "x86_64", "", False),
        ("c7g.large", 2, "arm64", "", False),
        ("g4dn.xlarge", 4, "x86_64", "NVIDIA", False),
        ("g5g.xlarge", 4, "arm64", "NVIDIA", False),
        ("g4ad.xlarge", 4, "x86_64", "AMD", False),
        ("g6f.large", 2, "x86_64", "NVIDIA", True),
    ],
)
def test_a_type_has_the_same_facts_where_aws_refuses_to_describe_it(
    in_account, account, refused, name, vcpus, architecture, maker, partial
):
    if refused:
        account.inject_fault("not-allowed", actions=("DescribeInstanceTypes",))

    facts = type_facts.read_type(in_account.session, name)

    assert (facts.vcpus, facts.maker, facts.partial_gpu) == (vcpus, maker, partial)
    assert architecture in facts.architectures
    assert facts.needs_ena is not refused


def test_types_are_described_in_one_call_and_only_once(in_account, account):
    names = {"m5.large", "g4dn.xlarge", "no.such"}

    first = type_facts.read_facts(in_account.session, names)
    type_facts.read_facts(in_account.session, {"m5.large", "g4dn.xlarge"})

    assert [call.action for call in account.calls] == ["DescribeInstanceTypes"]
    assert first["no.such"].vcpus == 0
    assert first["g4dn.xlarge"].instance_store_gb == 125
