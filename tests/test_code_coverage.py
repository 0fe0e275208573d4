"""What SlipCover saw is told to coverage.py as coverage.py would have seen it.

What coverage.py itself measures, in processes that tests start, is ours alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from support import code_coverage

# Each branch is taken on one side by some call, on both sides or on none by others.
SAMPLE = """
def one_sided(n):
    if n > 1:
        n += 1
    for each in range(n):
        if each:
            continue
        n += each
    while n < 3:
        n += 1
    else:
        n = 0
    return n


def ends_with_a_branch(n):
    with open(__file__) as file:
        if n:
            file.read()


def of_cases(value):
    match value:
        case 1 | 2:
            return "low"
        case str() if value:
            value = "text"
        case _:
            return "other"
    return value


def of_cases_that_may_all_fail(value):
    match value:
        case int():
            value = 1
        case str():
            value = 2


class Never:
    def called(self):
        return [n for n in (1, 2) if n]
"""


@pytest.mark.parametrize(
    "calls",
    [
        "one_sided(0)",
        "one_sided(5); one_sided(1)",
        "ends_with_a_branch(1)",
        "ends_with_a_branch(0)",
        "of_cases(1)",
        "of_cases('a'); of_cases(3.0)",
        "of_cases_that_may_all_fail(None)",
        "of_cases_that_may_all_fail(1)",
        "of_cases_that_may_all_fail('')",
        "pass",
    ],
)
@pytest.mark.parametrize("kept", [False, True], ids=["prepared", "kept"])
def test_its_report_is_that_of_coverage_py(calls, kept, tmp_path, monkeypatch):
    coverage, slipcover = pytest.importorskip("coverage"), pytest.importorskip("slipcover")
    from support import probes

    monkeypatch.setattr(probes, "KEPT", tmp_path / "kept")
    file = tmp_path / "sample.py"
    file.write_text(f"{SAMPLE}\n\n{calls}\n")

    itself = coverage.Coverage(
        config_file=False, branch=True, include=[str(file)], data_file=str(tmp_path / "itself")
    )
    with itself.collect():
        exec(compile(file.read_text(), str(file), "exec"), {"__file__": str(file)})
    itself.save()
    if kept:
        probes.Loader("sample", str(file), slipcover.Slipcover(branch=True)).get_code("sample")
        monkeypatch.delattr(probes.Loader, "source_to_code")
    measuring = slipcover.Slipcover(branch=True)
    code = probes.Loader("sample", str(file), measuring).get_code("sample")
    exec(code, {"__file__": str(file)})
    (seen,) = measuring.newly_seen.values()
    ours = coverage.Coverage(config_file=False, branch=True, data_file=str(tmp_path / "ours"))
    ours.get_data().add_arcs({str(file): code_coverage.find_arcs(file, seen)})

    assert told(ours, file, tmp_path) == told(itself, file, tmp_path)


def test_coverage_goes_on_behind_the_import_of_what_is_not_ours_and_leaves_that_out(tmp_path):
    coverage = pytest.importorskip("coverage")
    (tmp_path / "theirs.py").write_text("import sys\n\n\ntrace = sys.gettrace()\n")
    ours = tmp_path / "ours.py"
    ours.write_text(
        "def nothing():\n    pass\n\n\nimport theirs\nassert not theirs.trace\nnothing()\n"
    )
    settings = coverage.Coverage(
        config_file=False, branch=True, source=[str(tmp_path)], data_file=str(tmp_path / "data")
    )
    begin = "import coverage, runpy; coverage.process_startup(slug='t'); "

    subprocess.run(
        [sys.executable, "-c", f"{begin}runpy.run_path('ours.py', run_name='__main__')"],
        env=os.environ | {code_coverage.FOR_CHILDREN: settings.config.serialize()},
        cwd=tmp_path,
        check=True,
    )

    data = coverage.CoverageData(str(tmp_path / "data"))
    data.read()
    assert sorted(data.lines(str(ours))) == [1, 2, 5, 6, 7]
    assert not data.lines(str(tmp_path / "theirs.py"))


def told(measured, file, folder):
    measured.json_report(outfile=str(folder / "report.json"))
    (report,) = json.loads((folder / "report.json").read_text())["files"].values()
    return {
        name: report[name]
        for name in ("executed_lines", "missing_lines", "executed_branches", "missing_branches")
    }
