"""Make the bias report of a run, where its images are."""

from __future__ import annotations

from dl_magics.actions.data.received import invalid_answer
from dl_magics.actions.results import evaluating
from dl_magics.actions.results.bias import calibration, groups, shortcuts
from dl_magics.actions.results.bias.report import BiasReport
from dl_magics.actions.results.bias.shortcuts import Ablation
from dl_magics.actions.results.place import ResultPlace
from dl_magics.errors import BadData, BadSetting
from dl_magics.runs.evaluation import Evaluation
from dl_magics.training.evaluation import ablation
from dl_magics.training.prediction.predict import Progress


def report_bias(
    place: ResultPlace,
    split: str,
    *,
    group: str = "",
    most: int = 120,
    progress: Progress | None = None,
) -> BiasReport:
    """Return the report on a part of the images of a run; `most` images are looked at in parts.

    An interrupt meanwhile ends only that: the report says so and has everything else.
    """
    if most < 0:
        raise BadSetting(
            f"--images {most} is negative.", fix="--images 120 · or --images 0 to replace nothing"
        )
    found = evaluating.evaluate(place, split).evaluation
    if not found.labelled:
        raise BadData(
            f"The {split} images of the run {found.run} have no labels.",
            fix="%bias_report --split valid looks at those that it was validated on.",
        )
    by_group = groups.list_groups(found.labelled, group) if group else ()
    why, found_by_parts = "", None
    if place.run.is_on_theano:
        why = "Of a run on Theano no parts of the images are replaced."
    elif not most:
        why = "No part of an image was replaced: --images 0."
    else:
        try:
            found_by_parts = _replace_regions(place, found, most, progress)
        except KeyboardInterrupt:
            why = (
                "Stopped before parts of the images were replaced: --images 20 takes a shorter "
                "time."
            )
    return BiasReport(
        evaluation=found,
        classes=groups.list_classes(found.labelled),
        groups=by_group,
        calibration=calibration.measure_calibration(found.labelled),
        ablation=found_by_parts,
        why_no_ablation=why,
    )


def choose_images(found: Evaluation, most: int) -> list[str]:
    """Return the paths of at most so many images: of each class the same number, evenly taken."""
    each_class = max(most // len(found.classes), 1)
    chosen: list[str] = []
    for name in found.classes:
        of_class = sorted(each.path for each in found.labelled if each.truth == name)
        step = max(len(of_class) / each_class, 1)
        chosen += [of_class[int(at * step)] for at in range(min(each_class, len(of_class)))]
    return chosen


def _replace_regions(
    place: ResultPlace, found: Evaluation, most: int, progress: Progress | None
) -> Ablation:
    asked = choose_images(found, most)
    truth = {each.path: found.classes.index(each.truth or "") for each in found.labelled}
    sent = place.call(
        ablation.replace_regions,
        run=place.folder,
        root=found.root,
        paths=asked,
        labels=[truth[each] for each in asked],
        progress=progress,
    )
    try:
        return shortcuts.parse_ablation(sent, asked, found.classes, truth)
    except (ValueError, TypeError, KeyError) as error:
        raise invalid_answer(error) from error
