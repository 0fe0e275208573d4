from __future__ import annotations

import pytest
from IPython.core.completer import CompletionContext, provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

from dl_magics import magics
from dl_magics.magics import complete
from dl_magics.runs.events import RunEnded
from support import run_events


@pytest.fixture
def shell():
    made = InteractiveShell()
    made.run_line_magic("load_ext", "dl_magics")
    return made


def completed(shell, text):
    with provisionalcompleter():
        found = list(shell.Completer.completions(text, len(text)))
    return [text[: each.start] + each.text + text[each.end :] for each in found]


def test_a_setting_is_completed_in_the_body(shell):
    cell = "%%finetune data\nmodel = 'VGG16'\nlearn"

    assert completed(shell, cell) == [f"{cell[:-5]}learning_rate = "]


def test_an_option_is_completed_on_the_line(shell):
    assert completed(shell, "%finetune data --image") == ["%finetune data --image-size "]
    assert "%finetune data --pooling " in completed(shell, "%finetune data --p")
    assert completed(shell, "%finetune data --tensor") == ["%finetune data --tensorboard "]


def test_values_and_other_cells_are_not_completed(shell):
    assert not [
        each for each in completed(shell, "%%finetune data\nseed = epo") if "epochs" in each
    ]
    assert not [each for each in completed(shell, "learning_ra") if "learning_rate" in each]
    assert not [each for each in completed(shell, "%%time\nlearning_ra") if "_rate = " in each]


def test_completions_appear_once_after_two_loads_and_not_after_unload(shell):
    magics.register_all(shell)
    assert len(completed(shell, "%%finetune data\npatien")) == 1

    magics.unregister_all(shell)

    assert completed(shell, "%%finetune data\npatien") == []


def test_interrupted_runs_are_completed_after_resume(shell, home):
    for name, status in (("2026-11-03_a", "interrupted"), ("2026-11-04_b", "done")):
        run_events.write_log(
            home / "runs" / name, run_events.make_events(ended=RunEnded(status=status))
        )

    assert completed(shell, "%finetune --res") == ["%finetune --resume "]
    assert "%finetune --explain" in completed(shell, "%finetune --expl")
    for written in ("", "20", "2026-11"):
        found = completed(shell, f"%finetune --resume {written}")
        assert "%finetune --resume 2026-11-03_a" in found
        assert "%finetune --resume 2026-11-04_b" not in found


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("%check_data pets --put", "%check_data pets --put-back"),
        ("%check_data pets --fix blurry near_d", "%check_data pets --fix blurry near_duplicate"),
        ("%split_data pets --samp", "%split_data pets --sample"),
        ("%clean_images --spl", "%clean_images --split"),
    ],
)
def test_options_and_kinds_of_the_magics_for_data_are_completed(shell, before, after):
    assert completed(shell, before) == [after]
    assert "%check_data near_duplicate" not in completed(shell, "%check_data near_d")


def test_runs_are_completed_by_name_and_their_actions_by_option(shell, home):
    run_events.write_log(home / "runs" / "2026-11-03_a", run_events.make_events())

    assert "%runs --compare" in completed(shell, "%runs --comp")
    for line in (
        "%runs --compare 2026",
        "%runs --export 2026-11-03",
        "%attach 2026-11",
        "%clean_images --run 2026",
    ):
        assert f"{line.rpartition(' ')[0]} 2026-11-03_a" in completed(shell, line)


def find_options(shell, magic):
    """Return the long options that a magic takes."""
    return {
        each
        for decorator in shell.find_line_magic(magic).decorators
        for each in getattr(decorator, "args", ())
        if each.startswith("--")
    }


@pytest.mark.parametrize("magic", sorted({**complete.RESULTS, **complete.OPTIONS}))
def test_each_option_of_a_magic_is_completed_and_no_other(shell, magic):
    offered = {**complete.RESULTS, **complete.OPTIONS}[magic]
    found = completed(shell, f"%{magic} --")

    assert {each for each in offered if each.startswith("--")} == find_options(shell, magic)
    assert {f"%{magic} {each}" for each in find_options(shell, magic)} <= set(found)


@pytest.mark.parametrize("matcher", complete.MATCHERS)
def test_an_empty_line_below_a_line_has_no_completions(matcher):
    context = CompletionContext(
        token="", full_text="%runs\n", cursor_position=0, cursor_line=1, limit=None
    )

    assert matcher(context) == {"completions": []}
