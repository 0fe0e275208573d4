from __future__ import annotations

import pytest

from dl_magics import errors
from dl_magics.actions.aws import context, price_list


def test_other_regions_have_prices_too_each_with_its_day(cloud, run):
    run("%aws_region eu-central-1")

    market = run("%aws_prices")

    shown = {each.type: each for each in market.each}
    assert shown["g4dn.xlarge"].dollars_per_hour == pytest.approx(0.657, rel=0.01)
    assert all(each.price_day >= "2025" for each in market.each)
    shown = price_list.describe_types(context.load())["g6.xlarge"]
    assert shown.startswith("L4 22.35 GiB, $1.0064/h (20")
    notes = "\n".join(market.notes)
    assert "$0.005/h by the bundled table of 2024-02-01" in notes
    assert "$0.0952 for a GiB and month (gp3" in notes


@pytest.mark.parametrize(
    ("type_", "said"),
    [
        ("g6f.large", "VGG16 at 224 pixels fits into 2.79 GiB with batches of 16"),
        ("g6f.4xlarge", "VGG16 at 224 pixels fits into 11.18 GiB with batches of 128"),
        ("g6.xlarge", ""),
        ("t2.micro", ""),
        ("unknown.type", ""),
    ],
)
def test_it_is_said_what_fits_into_a_fraction_of_a_gpu(type_, said):
    assert price_list.describe_fraction(type_) == said


def test_a_pattern_names_a_family_a_gpu_or_types_without_one(cloud, run):
    families = {each.type.split(".")[0] for each in run("%aws_prices g6f").each}
    fraction = run("%aws_prices g6f.large")

    assert families == {"g6f"}
    assert fraction.each[0].gpu == "1/8 L4 2.79 GiB"
    assert "batches of 16 (computed, not measured)" in repr(fraction)
    assert {each.gpu for each in run("%aws_prices m5").each} == {""}


@pytest.mark.parametrize(
    ("word", "happened", "fix"),
    [
        ("nosuch", "No known instance type in us-east-1 begins with 'nosuch'", "%aws_prices lists"),
        ("p2", "p2.xlarge, p2.8xlarge, p2.16xlarge: retired", "The nearest current type: "),
        ("p2.xlarge", "p2.xlarge: retired", "%aws_prices g4dn.xlarge"),
    ],
)
@pytest.mark.parametrize("with_account", [True, False], ids=["account", "no account"])
def test_a_word_that_names_no_type_is_refused(request, run, word, happened, fix, with_account):
    if with_account:
        request.getfixturevalue("cloud")

    with pytest.raises(errors.NoSuchType) as refused:
        run(f"%aws_prices {word}")

    assert happened in str(refused.value)
    assert fix in refused.value.fix
