"""What import-linter cannot see: files, sizes and names, read from the source."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ROOT = TESTS.parent
PACKAGE = ROOT / "dl_magics"

MAX_FILES = 15
MAX_LINES = 250

# Which package writes and reads a file, by its name: all others call that package.
OWNERS = {
    "events.jsonl": "runs",
    "remote_origin.json": "runs",
    "choices.json": "store",
    "ledger.jsonl": "store",
    "keras.json": "keras_config",
    ".theanorc": "keras_config",
    "interpreter.json": "keras_config",
    "split.json": "data.splitting",
    "list.jsonl": "data.quality",
    "values.json": "core",
    "how.json": "gpu_kernel.agent",
    "had.json": "gpu_kernel.agent",
    "journal": "gpu_kernel.agent",
    "space.json": "training.storage",
    "checkpoint.npz": "training.engine",
    "classes.json": "training",
    "recipe.json": "training",
    "applications.csv": "training.recipe",
    "examples.npz": "training.theano",
    "instance_types.csv": "aws",
    "instance_prices.csv": "aws.pricing",
    "disk_prices.csv": "aws.pricing",
    "prices.json": "aws.pricing",
    "guards.json": "actions.aws.guard",
    "watched.json": "actions.aws.guard",
    "instance_history.json": "aws.billing",
    "practice.json": "practice",
}
# They hand the whole package over: to an instance, and to the interpreter with Theano.
READS_THE_WHOLE_PACKAGE = {"remote_code.bundle", "training.theano.process"}
# It is copied into the interpreter with Theano, where dl_magics is not installed.
RUNS_WITHOUT_US = {"training.theano.site"}
FILE_METHODS = {"open", "read_bytes", "read_text", "write_bytes", "write_text"}
# Names of one word that more than two modules share. Do not add to them: rename instead.
SHARED = {
    "main": 11,  # what Python's packaging calls an entry point
    "run": 4,
}


@dataclass(frozen=True)
class Module:
    """One module of dl_magics, parsed; its name is written without `dl_magics.`."""

    path: Path

    @property
    def name(self) -> str:
        parts = self.path.relative_to(PACKAGE).with_suffix("").parts
        return ".".join(part for part in parts if part != "__init__")

    @property
    def package(self) -> str:
        return ".".join(self.path.relative_to(PACKAGE).parent.parts)

    @cached_property
    def lines(self) -> list[str]:
        return self.path.read_text("utf-8").splitlines()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse("\n".join(self.lines))

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    def is_in(self, package: str) -> bool:
        return f"{self.name}.".startswith(f"{package}.")

    def at(self, node: ast.AST) -> str:
        return f"{self.name}:{getattr(node, 'lineno', 0)}"


@lru_cache
def modules() -> list[Module]:
    return [Module(path) for path in sorted(PACKAGE.rglob("*.py"))]


def fail_on(found: dict[str, object] | list[str]) -> None:
    """Show all that was found, one a line."""
    lines = (
        [f"{name}: {value}" for name, value in found.items()] if isinstance(found, dict) else found
    )
    assert not lines, "\n" + "\n".join(lines)


def strings(module: Module) -> Iterator[ast.Constant]:
    """Yield the string constants, without docstrings."""
    docstrings = {
        id(node.body[0].value)
        for node in module.nodes
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in module.nodes:
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and id(node) not in docstrings:
            yield node


def imported_names(module: Module) -> Iterator[tuple[ast.AST, str, str]]:
    """Yield each import of ours: the node, the module and the name in it, or ""."""
    for node in module.nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "dl_magics":
                    yield node, alias.name.removeprefix("dl_magics").lstrip("."), ""
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "dl_magics":
            for alias in node.names:
                yield node, (node.module or "").removeprefix("dl_magics").lstrip("."), alias.name


def owned_file(text: str) -> str | None:
    """Return the file with an owner that a text names, alone or at the end of a path."""
    name = text.rpartition("/")[2]
    return name if name in OWNERS else None


def test_no_module_leaves_its_own_folder_by_a_path():
    climbing = [
        module.at(node)
        for module in modules()
        if module.name not in READS_THE_WHOLE_PACKAGE
        for node in module.nodes
        if isinstance(node, ast.Attribute)
        and "__file__" in (code := ast.unparse(node))
        and (node.attr == "parents" or code.endswith(".parent.parent"))
    ]

    fail_on(climbing)


def test_no_module_asks_another_one_for_its_file():
    asking = [
        module.at(node)
        for module in modules()
        for node in module.nodes
        if isinstance(node, ast.Attribute) and node.attr == "__file__"
    ]

    fail_on(asking)


def test_no_module_opens_resources_of_another_package():
    opened = [
        f"{module.at(node)} opens {node.args[0].value}"
        for module in modules()
        if module.name not in READS_THE_WHOLE_PACKAGE
        for node in module.nodes
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).split(".")[-1] == "files"
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and str(node.args[0].value).split(".")[0] == "dl_magics"
        and node.args[0].value != f"dl_magics.{module.package}"
    ]

    fail_on(opened)


def test_no_package_names_a_file_that_another_one_owns():
    foreign = [
        f"{module.at(text)} names {file}, which {OWNERS[file]} owns"
        for module in modules()
        if module.name not in RUNS_WITHOUT_US
        for text in strings(module)
        if (file := owned_file(text.value)) and not module.is_in(OWNERS[file])
    ]

    fail_on(foreign)


def test_no_package_opens_a_file_by_the_constant_of_its_owner():
    constants = {
        (module.name, target.id): file
        for module in modules()
        for node in module.tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name) and (file := owned_file(str(node.value.value)))
    }
    opened = []
    for module in modules():
        sources = {name: source for _, source, name in imported_names(module)}
        foreign = {
            f"{source.rpartition('.')[2]}.{constant}"
            for (source, constant), file in constants.items()
            if not module.is_in(OWNERS[file])
        } | {
            constant
            for (source, constant), file in constants.items()
            if sources.get(constant) == source and not module.is_in(OWNERS[file])
        }
        for node in module.nodes:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                file = ast.unparse(node.func.value)
                used = {name for name in foreign if re.search(rf"\b{re.escape(name)}\b", file)}
                if node.func.attr in FILE_METHODS and used:
                    opened.append(f"{module.at(node)} opens {file}")

    fail_on(opened)


@pytest.mark.parametrize("package", ["gpu_kernel.agent", "guard.service"])
def test_what_runs_alone_on_an_instance_imports_nothing_of_ours(package):
    foreign = [
        f"{module.at(node)} imports {source}.{name}"
        for module in modules()
        if module.is_in(package)
        for node, source, name in imported_names(module)
        if not f"{source}.".startswith(f"{package}.")
    ]

    fail_on(foreign)


@pytest.mark.parametrize(
    "root",
    [PACKAGE, TESTS, *(ROOT / each for each in ("benchmarks", "docs"))],
    ids=lambda at: at.name,
)
def test_no_folder_has_more_than_15_files(root):
    counts = {
        str(folder.relative_to(ROOT)): sum(each.is_file() for each in folder.iterdir())
        for folder in (root, *(each for each in root.rglob("*") if each.is_dir()))
        if not {"__pycache__", "node_modules"} & set(folder.parts)
    }

    fail_on({name: count for name, count in counts.items() if count > MAX_FILES})


def test_no_module_has_more_than_250_lines():
    lines = {module.name: len(module.lines) for module in modules()}

    fail_on({name: count for name, count in lines.items() if count > MAX_LINES})


def test_no_script_or_style_has_more_than_250_lines():
    folders = [PACKAGE / "widgets", *(ROOT / "labextension" / name for name in ("src", "style"))]
    found = [
        file
        for folder in folders
        for file in folder.rglob("*")
        if file.suffix in (".js", ".ts", ".tsx", ".css")
    ]
    lines = {file.name: len(file.read_text("utf-8").splitlines()) for file in found}

    assert {"run.js", "cloud.ts", "run.css"} <= lines.keys()
    fail_on({name: count for name, count in lines.items() if count > MAX_LINES})


def test_the_html_of_each_value_passes_through_what_keeps_its_dollars():
    kept = {"wrap_html", "format_html", "render_html"}
    found = {
        module.name: {_name_called(each) for each in ast.walk(node) if isinstance(each, ast.Call)}
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef) and node.name == "_repr_html_"
    }

    assert len(found) > 20
    fail_on({name: called for name, called in found.items() if not called & kept})


def _name_called(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def test_no_more_than_two_modules_share_a_function_name_of_one_word():
    found = defaultdict(list)
    for module in modules():
        for node in module.tree.body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and "_" not in node.name:
                found[node.name].append(module.name)

    fail_on({name: at for name, at in found.items() if len(at) > max(2, SHARED.get(name, 0))})


def covered() -> dict[str, list[str]]:
    """Return the modules that a conftest.py names as covered by a test of another name.

    Its docstring has a line for each such test: `session, profile: tests/magics/test_practice.py`.
    """
    tests = defaultdict(list)
    for path in sorted(TESTS.rglob("conftest.py")):
        docstring = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
        folder = ".".join(path.parent.relative_to(TESTS).parts)
        for names, test in re.findall(r"^([\w, ]+): (tests/\S+\.py)$", docstring, re.MULTILINE):
            for name in names.split(", "):
                tests[f"{folder}.{name}".lstrip(".")].append(test)
    return tests


def test_each_module_has_a_test_of_its_name_or_a_line_in_a_conftest():
    named = covered()
    untested = [
        module.name
        for module in modules()
        if module.path.name != "__init__.py"
        and module.name not in named
        and not (TESTS / module.path.relative_to(PACKAGE))
        .with_name(f"test_{module.path.stem.strip('_')}.py")
        .exists()
    ]

    fail_on(untested)


def test_each_line_of_a_conftest_names_a_module_and_a_test_that_exist():
    names = {module.name for module in modules()}
    stale = [
        f"{name}: {test}"
        for name, tests in covered().items()
        for test in tests
        if name not in names or not (ROOT / test).exists()
    ]

    fail_on(stale)
