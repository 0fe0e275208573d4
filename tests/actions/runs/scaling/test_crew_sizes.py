"""How many instances are recommended for which photos, and in what words."""

from __future__ import annotations

import re

import pytest

from dl_magics.actions.runs.scaling import crew_sizes, other_types
from dl_magics.actions.runs.scaling.options import Photos, RentedType
from dl_magics.core import money
from dl_magics.magics.arguments import parse_argstring
from dl_magics.magics.aws.launch import LaunchMagics
from dl_magics.training.recipe.recipe import check_settings

T4 = RentedType("g4dn.xlarge", (100.0, 400.0), 0.5)
SMALL_FILES, CAMERA_FILES = 20e3, 2e6


def sizes(images, *, file_bytes=0.0, rented=T4, serial=0.0, now=0):
    photos = Photos(images, images, file_bytes, min(file_bytes, 150_528))
    alone = other_types.compute_options([rented], photos, serial)[rented.type]
    return crew_sizes.compute_sizes(rented, alone, photos, serial, now=now)


@pytest.mark.parametrize(
    ("images", "file_bytes", "recommended"),
    [
        (3_000, SMALL_FILES, 1),
        (50_000, SMALL_FILES, 1),
        (1_000_000, 0, 8),
        (10_000_000, 0, 16),
        # The uplink, not the number of instances, is what these wait for.
        (1_000_000, SMALL_FILES, 2),
        (1_000_000, CAMERA_FILES, 2),
    ],
)
def test_as_many_are_recommended_as_save_ten_minutes_each_time_they_are_doubled(
    images, file_bytes, recommended
):
    assert sizes(images, file_bytes=file_bytes).recommended == recommended


def test_a_long_training_of_the_head_pays_all_of_them_and_recommends_fewer():
    assert sizes(1_000_000, serial=36_000).recommended < sizes(1_000_000).recommended


def test_the_rows_are_times_and_prices_that_fall_and_rise_with_the_number():
    made = sizes(1_000_000)

    assert [row[0] for row in made.rows] == [f"{n} × g4dn.xlarge" for n in (1, 2, 4, 8, 16)]
    assert [row[3] for row in made.rows].index("recommended") == 3
    seconds = [high.seconds for _, high in made.outcomes.values()]
    dollars = [high.dollars for _, high in made.outcomes.values()]
    assert seconds == sorted(seconds, reverse=True)
    assert dollars == sorted(dollars)
    # 8 compute 800 images a second, some more slowly: 21 min or a little more, after 3 to launch.
    eight = made.outcomes[8][1]
    assert 1_000_000 / 800 < eight.seconds - 180 < 1.3 * 1_000_000 / 800
    assert eight.dollars == pytest.approx(8 * 0.5 * eight.seconds / 3600)
    assert made.rows[3][2].endswith(f" to {money.format_dollars(eight.dollars)}")


def test_what_is_recommended_is_said_in_lines_that_can_be_typed():
    said = sizes(1_000_000).lines[0]

    launch, setting = re.search(r"%aws_launch (.*), then (workers = .*) in the cell", said).groups()
    asked = parse_argstring(LaunchMagics.aws_launch, launch)
    assert (asked.type, asked.count, asked.name) == ("g4dn.xlarge", 8, "crew")
    name, value = setting.split(" = ")
    assert check_settings("photos", {name: value.strip('"')}).workers == ("crew",)
    assert "with --spot about $" in said


def test_for_few_photos_one_instance_is_enough():
    made = sizes(3_000, file_bytes=SMALL_FILES)

    assert made.lines[0].startswith("workers: one instance is enough")
    assert "%aws_launch" not in "".join(made.lines)


def test_workers_that_wait_for_photos_are_named_and_those_of_the_cell_marked():
    made = sizes(1_000_000, file_bytes=SMALL_FILES, now=3)

    assert "and more than 2 would wait for them" in made.lines[1]
    assert ("3 × g4dn.xlarge", "these") in [(row[0], row[3]) for row in made.rows]
