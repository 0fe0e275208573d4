from __future__ import annotations

from dl_magics.actions.gpu.kernel_log import build_notebook
from dl_magics.magics.display.kernel_log import KernelLog
from support.messages import event, output, sent, stream


def test_the_log_shows_code_numbers_and_what_the_last_lines_were():
    entries = [
        *(
            sent("a", "for n in range(30):\n    print(n)"),
            output("execute_input", "a", execution_count=1),
        ),
        stream("".join(f"{n}\n" for n in range(30)), "a"),
        event("kernel_started"),
        sent("b", "fit()"),
        output("execute_input", "b", execution_count=12),
        stream("0 %\r50 %\r100 %\n", "b"),
        output("display_data", "b", data={"image/png": "iVBO"}, metadata={}),
        output("error", "b", ename="ValueError", evalue="no", traceback=[]),
        sent("c", "queued"),
    ]

    shown = repr(KernelLog(build_notebook(entries), last=4)).splitlines()

    assert shown == [
        *("In [1]: for n in range(30):", "   ...:     print(n)", "… 10 earlier lines"),
        *(str(n) for n in range(10, 30)),
        "*The GPU kernel was restarted: the variables of the cells above are lost.*",
        *("In [12]: fit()", "100 %", "<image/png>", "ValueError: no"),
        "In [ ]: queued",
        "%gpu_log -o FILE.ipynb writes them all as a notebook.",
    ]


def test_earlier_cells_are_counted():
    log = build_notebook([sent("a", "1"), sent("b", "2"), sent("c", "3")])

    assert repr(KernelLog(log, last=1)).splitlines()[:2] == [
        "… 2 earlier cells: %gpu_log --last 3",
        "In [ ]: 3",
    ]
    assert "In [" not in repr(KernelLog(log, last=0))
