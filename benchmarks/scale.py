"""What many photos take on many instances: time and dollars by type and number, simulated.

    python benchmarks/scale.py                       10 million photos, up to 100 instances
    python benchmarks/scale.py --photos 1000000 --losses 0.2

Nothing is launched. The rate of a type is a range: of its GPU an estimate, of reading and decoding
what was measured beside an H200 (README); the lower one counts. The prices are those of the tables
of dl_magics. Each cell is from the high rate to the low one. On spot, instances are taken away at
random and start again, tasks that were lost are computed again, and some instances are slow: the
slowest of five simulations is shown. Its price is taken as 40 % of that on demand.
"""

from __future__ import annotations

import argparse

from dl_magics.aws import instance_types
from dl_magics.aws.pricing import table
from dl_magics.core import money
from dl_magics.core.scaling.fleet import Fleet, Outcome, Work, predict
from dl_magics.core.scaling.rates import estimate_rate
from dl_magics.core.scaling.simulation import Trouble, simulate

_TYPES = ("g4dn.xlarge", "g5.xlarge", "g6.xlarge", "g6.2xlarge", "p5.4xlarge")
_NUMBERS = (1, 4, 16, 100)
_START = 180.0  # until an instance computes
_SPOT = 0.4
_REGION = "us-east-1"
_RUNS = 5
# Seconds of the head for each photo, in 10 epochs on one instance: of the range of `--check`.
_HEAD = 10 * 2e-4


def show_type(type_: str, photos: int, trouble: Trouble) -> None:
    """Print a line for each number of instances of a type."""
    known = instance_types.known_types()[type_]
    price = table.instance_price(type_, _REGION)
    if not price:
        return
    work = Work(images=photos)
    rates = estimate_rate(known.gpu, known.gpu_count, known.vcpus, is_vgg=True, size=224)[::-1]
    for workers in _NUMBERS:
        calm: list[Outcome] = []
        spot: list[Outcome] = []
        for rate in rates:
            fleet = Fleet(workers=workers, rate=rate, price=price.dollars, start=_START)
            cheap = Fleet(workers=workers, rate=rate, price=_SPOT * price.dollars, start=_START)
            calm.append(predict(work, fleet))
            runs = [simulate(work, cheap, trouble, seed) for seed in range(_RUNS)]
            spot.append(max(runs, key=lambda each: each.seconds))
        lost = " to ".join(f"{each.lost:,}" for each in spot)
        print(f"| {workers} × {type_} | {_show(calm)} | {_show(spot)} | {lost} |", flush=True)


def _show(outcomes: list[Outcome]) -> str:
    times = " to ".join(money.format_duration(each.seconds) for each in outcomes)
    dollars = " to ".join(f"${each.dollars:,.0f}" for each in outcomes)
    return f"{times}, {dollars}"


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=int, default=10_000_000)
    parser.add_argument("--losses", type=float, default=0.05, help="of an instance in an hour")
    parser.add_argument("--spread", type=float, default=0.2, help="of the speed of instances")
    return parser.parse_args()


if __name__ == "__main__":
    asked = _parse()
    print("| instances | on demand, nothing lost | on spot, simulated | tasks lost |")
    print("|---|---|---|---|")
    for each in _TYPES:
        show_type(each, asked.photos, Trouble(losses=asked.losses, spread=asked.spread))
    head = money.format_duration(asked.photos * _HEAD)
    print(f"\nThen ten epochs of the head, on one instance of any of these types: about {head}.")
