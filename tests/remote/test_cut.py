from __future__ import annotations

import time

from talk import printed

COUNTING = "import time\nfor i in range({}): print(i, flush=True); time.sleep(0.1)"


def lines(count):
    return "".join(f"{i}\n" for i in range(count))


def test_a_cut_of_20_s_loses_no_line(lab, kernel):
    answer = kernel.execute(COUNTING.format(250))
    before = [next(answer) for _ in range(20)]

    lab.wire("down")
    time.sleep(20)
    lab.wire("up")

    assert printed([*before, *answer]) == lines(250)
