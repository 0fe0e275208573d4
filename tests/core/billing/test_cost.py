"""The dollars of random histories against a second computation, by hand and exact."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from dl_magics.core.billing.cost import compute_cost, month_start
from dl_magics.core.billing.history import Period, add_view
from dl_magics.core.billing.receipt import make_receipt
from dl_magics.core.instance import Instance

PRICES = st.integers(1, 400_000).map(lambda units: units / 10_000)
START = int(datetime(2026, 11, 29, 20, tzinfo=UTC).timestamp())


@st.composite
def lives(draw) -> tuple[dict[str, float], list[tuple[int, int]]]:
    """The prices of an instance, and its starts and stops: seconds since the first start."""
    prices = {
        "hour": draw(PRICES),
        "address": draw(st.sampled_from([0.005, 0.01])),
        "month": draw(PRICES),
        "elastic": draw(st.integers(0, 2)),
    }
    at, stretches = 0, []
    for runs, rests in draw(
        st.lists(st.tuples(st.integers(1, 200_000), st.integers(1, 200_000)), min_size=1)
    ):
        stretches.append((at, at + runs))
        at += runs + rests
    return prices, stretches


def describe(prices, stretches, at: int) -> Instance:
    """Return what EC2 says of the instance at a time: last start, last stop, state."""
    began, ended = next(each for each in reversed(stretches) if each[0] <= at)
    runs = at < ended
    return Instance(
        id="i-1",
        name="gpu",
        state="running" if runs else "stopped",
        type="g4dn.xlarge",
        launched_at=START + began,
        stopped_at=0.0 if runs else START + ended,
        seen_at=START + at,
        type_dollars=prices["hour"],
        address_dollars=prices["address"],
        public_addresses=1 + prices["elastic"] if runs else prices["elastic"],
        elastic_ips=prices["elastic"],
        disk_dollars=prices["month"],
    )


def cents(dollars: Fraction | Decimal) -> int:
    exact = Fraction(dollars) * 100
    return int(exact + Fraction(1, 2))


def price(value: float) -> Fraction:
    return Fraction(str(value))


def disks_by_hand(prices, began: int, ended: int) -> Fraction:
    """The disk costs its share of each month, which are not equally long."""
    total, at = Fraction(0), began
    while at < ended:
        day = datetime.fromtimestamp(at, UTC)
        days = calendar.monthrange(day.year, day.month)[1]
        first = int(datetime(day.year, day.month, 1, tzinfo=UTC).timestamp())
        until = min(ended, first + days * 86_400)
        total += price(prices["month"]) * (until - at) / (days * 86_400)
        at = until
    return total


def run_by_hand(prices, seconds: int) -> Fraction:
    hour = price(prices["hour"]) + (1 + prices["elastic"]) * price(prices["address"])
    return hour * max(60, seconds) / 3600


def watch(prices, stretches, times) -> tuple[Period, ...]:
    history: tuple[Period, ...] = ()
    for at in sorted(times):
        history = add_view(history, describe(prices, stretches, at))
    return history


@given(lives(), st.data())
def test_a_history_costs_what_a_sum_by_hand_says_to_the_cent(life, data):
    prices, stretches = life
    # Each start and each stop is seen at any time before the next change.
    times = [0]
    for (began, ended), following in zip(stretches, [*stretches[1:], (10**7, 0)], strict=True):
        times += [data.draw(st.integers(began, ended)), ended]
        times += [data.draw(st.integers(ended, min(following[0], ended + 10**6)))]
    end = max(times)
    by_hand = disks_by_hand(prices, START, START + end)
    by_hand += sum(run_by_hand(prices, ended - began) for began, ended in stretches)
    rests = end - sum(ended - began for began, ended in stretches)
    by_hand += rests * prices["elastic"] * price(prices["address"]) / 3600

    cost = compute_cost(watch(prices, stretches, times))

    assert cents(cost.dollars) == cents(by_hand)
    assert cost.seconds == sum(ended - began for began, ended in stretches)
    assert cost.unseen_seconds == 0


@given(lives())
def test_a_receipt_is_the_sum_by_hand_of_the_last_start_to_the_cent(life):
    prices, stretches = life
    began, ended = stretches[-1]
    times = [each for stretch in stretches for each in stretch]
    by_hand = run_by_hand(prices, ended - began)
    by_hand += disks_by_hand(prices, START + began, START + ended)

    receipt = make_receipt(watch(prices, stretches, times), describe(prices, stretches, ended))

    assert cents(receipt.dollars) == cents(by_hand)
    # Below ten cents a receipt shows more digits.
    shown = receipt.lines[0].rpartition("$")[2].replace(",", "")
    assert by_hand < Fraction(1, 10) or Decimal(shown) * 100 == cents(by_hand)


@given(lives(), st.integers(0, 10**6))
def test_two_spans_of_time_cost_together_what_the_whole_costs(life, at):
    prices, stretches = life
    history = watch(prices, stretches, [each for stretch in stretches for each in stretch])

    both = [compute_cost(history, 0, START + at), compute_cost(history, START + at)]

    whole = compute_cost(history)
    assert abs(sum(each.dollars for each in both) - whole.dollars) < Decimal("1e-15")
    assert sum(each.seconds for each in both) == whole.seconds


@given(lives(), st.sets(st.integers(0, 10**6)), st.booleans())
def test_what_was_not_seen_is_named_and_never_less_than_it_was(life, times, told):
    """Views at any time, of an instance whose stops EC2 does not always tell the time of."""
    prices, stretches = life
    history: tuple[Period, ...] = ()
    for at in sorted({0, *times, *(began for began, _ in stretches)}):
        view = describe(prices, stretches, at)
        history = add_view(history, view if told else _without_stop_time(view))
    end = max(each.ended_at for each in history) - START
    ran = sum(min(ended, end) - began for began, ended in stretches if began < end)

    cost = compute_cost(history)

    assert cost.seconds <= ran + 60 * len(stretches)
    assert ran <= cost.seconds + cost.unseen_seconds


def _without_stop_time(view: Instance) -> Instance:
    return Instance.from_json({**view.to_json(), "stopped_at": 0.0})


def test_an_unknown_price_makes_the_sum_unknown():
    view = Instance(
        id="i-1", name="gpu", state="running", type="x9.huge", launched_at=0, seen_at=3600
    )

    cost = compute_cost(add_view((), view))

    assert cost.dollars is None
    assert "instance unknown" in str(cost.parts[0])


def test_months_begin_in_utc():
    assert month_start(START) == int(datetime(2026, 11, 1, tzinfo=UTC).timestamp())
