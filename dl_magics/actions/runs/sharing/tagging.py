"""Give a run a tag: words by which a person knows it again."""

from __future__ import annotations

from dl_magics.actions.runs import runs
from dl_magics.runs import tag


def tag_run(name: str, text: str) -> str:
    """Write the tag of the run with this name, or this part of one; return a sentence.

    An empty text removes the tag. A run that is only on the connected host is fetched first.
    """
    run = runs.find_run(name)
    before = tag.read_tag(run.path)
    after = tag.write_tag(run.path, text)
    if after:
        return f"{run.name} is tagged: {after}" + (f" (it was: {before})" if before else "")
    return f"{run.name} has no tag" + (f" any more (it was: {before})." if before else ".")
