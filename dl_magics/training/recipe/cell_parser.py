"""Parse the line and the body of a `%%finetune` cell."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Callable, Mapping
from typing import Any

from dl_magics.errors import BadSetting
from dl_magics.training.recipe.line.line_parser import parse_line
from dl_magics.training.recipe.notebook_names import find_free_names, is_plain, to_native
from dl_magics.training.recipe.recipe import Function, Recipe, check_settings, quote_value

# The functions that a cell may define: their arguments, and the names they have beside its imports.
_KERAS = ("keras", "layers", "ops")
_FUNCTIONS = {
    "head": (("features",), _KERAS),
    "augment": (("image", "random"), (*_KERAS, "np")),
}
_WHAT_THEY_DO = (
    "Define head(features), which gets the features and returns the last hidden layer, or "
    "augment(image, random), which returns the image as an epoch sees it."
)


FindModel = Callable[[str, Any], str | None]


def find_no_model(_name: str, _value: Any) -> None:
    """Return None: no value is a model."""


def parse_cell(
    line: str, cell: str, names: Mapping[str, Any], find_model: FindModel = find_no_model
) -> Recipe:
    """Return the recipe of a cell; `names` are the variables of the notebook.

    `find_model` gets the name that `model` is set to and its value, None if it has none; it returns
    the file of a model, or None.

    Raises
    ------
    BadSetting
        where the line or the body is not valid.
    """
    data, on_line = parse_line(line)
    body = _Body(cell, names, find_model)
    twice = sorted(on_line.keys() & body.settings.keys())
    if twice:
        raise BadSetting(
            f"{twice[0]} is set twice, on the line and in the body.",
            fix=f"Keep one of them: {twice[0]} = {quote_value(body.settings[twice[0]])}",
        )
    return check_settings(data, {**on_line, **body.settings}, functions=body.functions)


class _Body:
    """The settings and the functions in the body of a cell."""

    def __init__(self, cell: str, names: Mapping[str, Any], find_model: FindModel) -> None:
        self.settings: dict[str, Any] = {}
        self.functions: dict[str, Function] = {}
        self._own: dict[str, Any] = {}
        self._names = names
        self._find_model = find_model
        kept: list[ast.stmt] = []
        for node in _parsed(cell):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    self._assign(name, value)
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                    self._assign(name, value)
                case ast.Import() | ast.ImportFrom() | ast.FunctionDef():
                    kept.append(node)
                case ast.Expr(value=ast.Constant(value=str())):
                    pass
                case _:
                    raise _refused(node)
        self._keep(kept)

    def _assign(self, name: str, value: ast.expr) -> None:
        if name == "model" and isinstance(value, ast.Name) and value.id not in self._own:
            given = self._names.get(value.id)
            if not (is_plain(to_native(given)) and value.id in self._names) and (
                file := self._find_model(value.id, given)
            ):
                self.settings[name] = file
                return
        written = ast.unparse(value)
        used = {used: self._value(used) for used in find_free_names(written)}
        try:
            result = eval(written, {**used})
        except Exception as error:
            # The user's expression may raise anything; its error is reported.
            raise BadSetting(
                " ".join(f"{name} = {written}: {type(error).__name__}: {error}".split()),
                fix="Give it a plain value.",
            ) from error
        self._own[name] = result
        if not name.startswith("_"):
            self.settings[name] = result

    def _value(self, name: str) -> Any:
        if name in self._own:
            return self._own[name]
        if name not in self._names:
            near = difflib.get_close_matches(name, [*self._own, *self._names], n=1)
            nearest = f"Nearest: {near[0]}. " if near else ""
            raise BadSetting(
                f"The name {name!r} is not defined.",
                fix=f'{nearest}Strings need quotes: model = "VGG16"',
            )
        value = to_native(self._names[name])
        if not is_plain(value):
            raise BadSetting(
                f"{name} of your notebook is of type {type(value).__name__}; "
                "only plain values are supported.",
                fix="Use numbers, strings, None, and lists or dicts of them.",
            )
        return value

    def _keep(self, kept: list[ast.stmt]) -> None:
        functions = [node for node in kept if isinstance(node, ast.FunctionDef)]
        imports = [node for node in kept if node not in functions]
        for node in functions:
            _check_function(node)
            source = ast.unparse(ast.Module([*imports, node], []))
            given = _FUNCTIONS[node.name][1]
            free = [name for name in find_free_names(source) if name not in given]
            self.functions[node.name] = Function(source, {name: self._value(name) for name in free})


def _parsed(cell: str) -> list[ast.stmt]:
    try:
        parsed = ast.parse(cell)
        compile(parsed, "<%%finetune>", "exec", dont_inherit=True)
        return parsed.body
    except SyntaxError as error:
        raise BadSetting(
            f"Line {error.lineno} of the cell is not Python: {(error.text or '').strip()}",
            fix=f"{error.msg}. A setting looks like: epochs = 5",
        ) from error
    except (ValueError, MemoryError, RecursionError) as error:
        # A null character, or brackets nested too deeply.
        raise BadSetting(
            f"The cell is not Python: {error}", fix="A setting looks like: epochs = 5"
        ) from error


def _check_function(node: ast.FunctionDef) -> None:
    wanted = _FUNCTIONS.get(node.name)
    if not wanted or len(node.args.args) != len(wanted[0]):
        raise BadSetting(
            f"def {node.name}({ast.unparse(node.args)}) is not a function that %%finetune calls.",
            fix=_WHAT_THEY_DO,
        )


def _refused(node: ast.stmt) -> BadSetting:
    return BadSetting(
        f"Line {node.lineno} of the cell is no setting: {ast.unparse(node).splitlines()[0]}",
        fix="The body may contain settings (epochs = 5), head(features) and "
        "augment(image, random); put other code into a separate cell.",
    )
