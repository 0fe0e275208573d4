"""Outages as servers read them, while the kernel that holds the link runs and after it."""

from __future__ import annotations

from dataclasses import replace

from dl_magics.store import link_outages, notebook_session
from dl_magics.store.link_outages import Outage


def test_an_outage_is_listed_while_its_notebook_runs(home):
    session = notebook_session.current()
    notebook_session.hold(session)
    lost = Outage(
        kernel_id="ab12cd34", host="gpu", session=session.name, notebook="train.ipynb", since=5.0
    )
    link_outages.store(lost)
    link_outages.store(replace(lost, kernel_id="ef56ab78", session="a notebook that has ended"))
    (home / "links" / "broken.json").write_text("{")

    assert link_outages.list_outages() == [lost]
    assert not (home / "links" / "ef56ab78.json").exists()
    link_outages.store(replace(lost, ended_at=30.0))
    assert [each.ended_at for each in link_outages.list_outages()] == [30.0]
    link_outages.forget(lost.kernel_id)
    link_outages.forget(lost.kernel_id)
    assert link_outages.list_outages() == []
    notebook_session.release(session)
