"""Makes the reference pages from the code: nothing in them is written by hand."""

from __future__ import annotations

import ast
import inspect
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

import dl_magics
from dl_magics import errors, magics
from dl_magics.magics.help import overview
from dl_magics.magics.help.groups import HelpGroup
from dl_magics.runs import events
from dl_magics.training.recipe import settings_table

PACKAGE = Path(dl_magics.__file__).parent
FIGURES = {
    "magics": "The magics of an evening: rent, connect, train, understand, stop paying",
    "settings": "A cell of assignments is checked and becomes the recipe of a run",
    "events": "The events of a run in their order, and what is computed from them",
    "rest": "The panel asks the Jupyter server, which acts as the magics do",
    "errors": "An error says what happened, then what to type, and the cell fails",
}


def write_pages(folder: Path) -> None:
    """Write each page, where it is not the same already."""
    pages = {
        "magics": write_magics(),
        "settings": write_settings(),
        "events": write_events(),
        "rest": write_rest(),
        "errors": write_errors(),
    }
    folder.mkdir(exist_ok=True)
    for name, page in pages.items():
        title, _, rest = page.partition("\n\n")
        text = f"{title}\n\n![{FIGURES[name]}](../figures/reference/{name}.svg)\n\n{rest}"
        file = folder / f"{name}.md"
        if not file.exists() or file.read_text("utf-8") != text:
            file.write_text(text, "utf-8")


def write_magics() -> str:
    """Return the page of the magics, in the order of an evening, each with its help."""
    found = list(overview.list_magics())
    parts = ["# Magics\n\nWhat `%NAME?` shows in a notebook; `%dl_help` lists all on one screen."]
    for group in HelpGroup:
        parts.append(f"## {group.value}")
        for each in (one for one in found if one.group is group):
            text = inspect.cleandoc(find_help(each.name.lstrip("%")))
            parts.append(f"### `{each.name}`\n\n{each.about}\n\n````text\n{text}\n````")
    return "\n\n".join(parts) + "\n"


def find_help(name: str) -> str:
    """Return the help of a magic: usage, docstring and options."""
    for each in magics.ALL:
        for table in each.magics.values():
            if name in table:
                function = getattr(each, table[name])
                help_text = getattr(function, "getdoc", function.__doc__.__str__)
                # How reStructuredText begins a block of code.
                return re.sub(r"^ *::\n\n", "", str(help_text()), flags=re.MULTILINE)
    raise LookupError(name)


def write_settings() -> str:
    """Return the page of the settings of a run."""
    return f"# Settings of `%%finetune`\n\n{settings_table.to_markdown()}\n"


def write_events() -> str:
    """Return the page of the events of a run, and of those that the server pushes."""
    parts = [
        "# Events\n\nA run writes a line of JSON for each event to `events.jsonl`: "
        "its `kind`, the time `t` in seconds since the epoch, and these fields.",
    ]
    for kind in sorted(events.Event.__subclasses__(), key=lambda each: each.kind):
        parts.append(f"## `{kind.kind}`\n\n{inspect.cleandoc(kind.__doc__ or '')}")
        shared = {each.name for each in fields(events.Event)}
        rows = [
            f"| `{each.name}` | `{_escape(str(each.type))}` |"
            for each in fields(kind)
            if each.name not in shared
        ]
        if rows:
            parts.append("\n".join(["| field | type |", "|---|---|", *rows]))
    parts.append("## What the Jupyter server pushes")
    for file in sorted((PACKAGE / "server" / "events").glob("*.yaml")):
        schema = yaml.safe_load(file.read_text("utf-8"))
        parts.append(f"### `{schema['$id']}`\n\n{schema['description']}")
    return "\n\n".join(parts) + "\n"


def write_rest() -> str:
    """Return the page of the REST interface of the server extension."""
    contract = yaml.safe_load((PACKAGE / "server" / "openapi.yaml").read_text("utf-8"))
    parts = ["# REST", contract["info"]["description"]]
    rows = [
        f"| `{method.upper()} {path}` | {_escape(about['summary'])} |"
        for path, methods in contract["paths"].items()
        for method, about in methods.items()
        if "summary" in about
    ]
    parts.append("\n".join(["| request | what it does |", "|---|---|", *rows]))
    parts.append("The whole contract is `dl_magics/server/openapi.yaml`.")
    return "\n\n".join(parts) + "\n"


def write_errors() -> str:
    """Return the page of the errors: what each means, and what its messages say to do."""
    fixes = find_fixes()
    parts = [
        "# Errors\n\nAn expected failure shows two lines: what happened, and what to type. "
        "Below each error are the second lines that it can have; … stands for a name or a value.",
    ]
    for group in errors.DLMagicsError.__subclasses__():
        parts.append(f"## {group.__name__}\n\n{inspect.cleandoc(group.__doc__ or '')}")
        for kind in group.__subclasses__():
            about = inspect.cleandoc(kind.__doc__ or "")
            lines = [f"- {_code(fix)}" for fix in sorted(fixes[kind.__name__])]
            parts.append(
                "\n".join([f"### {kind.__name__}\n\n{about} Status {kind.status}.\n", *lines])
            )
    return "\n\n".join(parts) + "\n"


def find_fixes() -> dict[str, set[str]]:
    """Return what `fix=` says where each error is raised, by the name of the error."""
    found: dict[str, set[str]] = defaultdict(set)
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute)):
                name = ast.unparse(node.func).rpartition(".")[2]
                for keyword in node.keywords:
                    if keyword.arg == "fix" and hasattr(errors, name):
                        found[name].update(_read_texts(keyword.value))
    return found


def _read_texts(node: ast.expr) -> Iterator[str]:
    """Yield the texts that an expression can be, with … for what is filled in."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=values):
            parts = (each.value if isinstance(each, ast.Constant) else "…" for each in values)
            text = "".join(map(str, parts))
            if re.search(r"\w", text):
                yield text
        case ast.IfExp(body=body, orelse=otherwise):
            yield from _read_texts(body)
            yield from _read_texts(otherwise)


def _code(text: str) -> str:
    marks = "``" if "`" in text else "`"
    return f"{marks}{' '.join(text.split())}{marks}"


def _escape(text: Any) -> str:
    return str(text).replace("|", "\\|")
