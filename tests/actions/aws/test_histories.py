"""Nothing that dl_magics did not launch is touched unnamed, and nothing is rented twice."""

from __future__ import annotations


def test_no_history_touches_what_is_not_ours_or_rents_twice(aws_shell, profiles):
    from support.in_process import histories

    with histories.prepared_stage(aws_shell.run_line_magic, profiles) as stage:
        histories.run_histories(300)

    assert stage.histories >= 300
