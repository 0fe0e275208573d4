"""`%bias_report` in a notebook; what it finds: tests/actions/results/bias/test_reporting.py."""

from __future__ import annotations

import contextlib
import io

import pytest

from dl_magics import errors


def test_the_report_is_of_the_part_and_the_groups_of_the_line(magic, evaluated):
    report = magic(r"%bias_report --split test --group '(\d)\d\.png' --images 8")

    assert report.evaluation.split == "test"
    assert sum(each.images for each in report.groups) == len(report.evaluation.labelled)
    assert len(report.ablation.truth) == 8
    assert "By group" in repr(report)


def test_a_group_that_is_nowhere_names_a_path(magic, evaluated):
    with pytest.raises(
        errors.BadSetting, match="--group scanner is in the path of none"
    ) as refused:
        magic("%bias_report --group scanner --images 0")
    assert refused.value.fix.endswith(".png")


def test_explain_is_keras_code_that_replaces_a_corner(magic, evaluated):
    shown = io.StringIO()

    with contextlib.redirect_stdout(shown):
        exec(compile(magic("%bias_report --explain --split test"), "script", "exec"), {})

    lines = [line for line in shown.getvalue().splitlines() if line.startswith(("blue ", "red "))]
    assert len(lines) == 2
    assert all(0 <= float(share) <= 1 for line in lines for share in line.split()[1:])
