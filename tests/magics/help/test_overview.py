"""`%dl_help`, and what it is made of: the docstring of each magic."""

from __future__ import annotations

import re

import pytest
from IPython.core.interactiveshell import InteractiveShell

from dl_magics import errors
from dl_magics.magics import training_cell
from dl_magics.magics.help import overview
from dl_magics.magics.help.groups import HelpGroup, help_group
from dl_magics.training.recipe import cell_parser
from support.kernel import runner, shell_with_magics

MAGICS = {each.name: each for each in overview.list_magics()}


@pytest.fixture(scope="module")
def run():
    yield runner(shell_with_magics())
    InteractiveShell.clear_instance()


def find_registered(shell):
    """Return the names of all magics of ours that IPython knows."""
    return {
        name: getattr(function.__self__, function.__name__)
        for table in shell.magics_manager.magics.values()
        for name, function in table.items()
        if type(getattr(function, "__self__", None)).__module__.startswith("dl_magics.")
    }


@pytest.fixture(scope="module")
def registered():
    return find_registered(shell_with_magics())


def parse_finetune(line, body):
    """`%%finetune` has settings in place of arguments; those of trackers need their packages."""
    line = re.sub(r"--(tensorboard|mlflow|wandb|trackio) \S+", "", line)
    words = [word for word in line.split() if word not in ("--check", "--explain", "-f")]
    if words[:1] == [training_cell.RESUME]:
        training_cell.parse_resume(line, body)
    else:
        cell_parser.parse_cell(" ".join(words), body, {})


def parse_example(example, magic):
    """Parse an example by the parser of its magic; raises BadSetting."""
    first, _, body = example.partition("\n")
    line = re.sub(r"^(\w+ = )?%%?\w+ ?", "", first)
    if magic.__name__ == "finetune":
        parse_finetune(line, body)
    else:
        magic.parser.parse_argstring(line)


def test_every_registered_magic_is_shown_in_its_group(registered, run):
    shown = repr(run("%dl_help"))

    assert {name.lstrip("%") for name in MAGICS} == set(registered)
    for name, magic in MAGICS.items():
        assert magic.group in HelpGroup
        assert f"  {name} " in shown
        assert magic.about in shown


def test_the_groups_are_in_the_order_of_the_evening(run):
    lines = repr(run("%dl_help")).splitlines()

    titles = [line for line in lines if not line.startswith(" ")][:-1]
    assert titles == [group.value for group in HelpGroup if group.value in titles]
    assert titles[0] == "Rent a GPU"
    assert titles.index("Train") < titles.index("Stop paying")


@pytest.mark.parametrize("name", MAGICS)
def test_every_magic_has_two_examples_of_its_own_that_can_be_typed(name, registered):
    magic = MAGICS[name]
    own = [each for each in magic.examples if re.match(rf"(\w+ = )?%%?{name.lstrip('%')}\b", each)]

    assert len(own) >= 2
    assert len(set(own)) == len(own)
    for example in own:
        parse_example(example, registered[name.lstrip("%")])


@pytest.mark.parametrize("name", MAGICS)
def test_the_description_of_every_magic_is_one_sentence_in_one_line(name):
    about = MAGICS[name].about

    assert about.endswith(".")
    assert about[0].isupper()
    assert len(about) <= 92


def test_an_example_that_does_not_parse_is_found(registered):
    with pytest.raises(errors.BadSetting):
        parse_example("%finetune data --epoks 3", registered["finetune"])


def test_a_word_is_searched_in_names_and_descriptions(run):
    found = run("%dl_help STOP")

    names = [each.name for each in found.magics]
    assert "%aws_stop" in names
    assert "%idle_timeout" in names  # "... an instance is stopped"
    assert all("stop" in f"{each.name} {each.about}".lower() for each in found.magics)
    assert [each.name for each in run("%dl_help folder split").magics] == ["%split_data"]


def test_a_few_magics_are_shown_with_their_examples(run):
    found = run("%dl_help split_data")

    assert "      %split_data --undo data/pets-split" in repr(found).splitlines()
    assert "<details open" in found._repr_html_()
    assert "%split_data --undo" not in repr(run("%dl_help"))


def test_a_word_that_is_nowhere_is_an_error_with_the_nearest_name(run):
    with pytest.raises(errors.BadSetting, match="'aws_stopp'") as refused:
        run("%dl_help aws_stopp")
    assert refused.value.fix == "The nearest name: %aws_stop?"

    with pytest.raises(errors.BadSetting) as refused:
        run("%dl_help quokka")
    assert refused.value.fix == "List all magics: %dl_help"


def test_html_is_escaped_and_has_each_magic_once():
    html = overview.find_magics("")._repr_html_()

    assert html.count("<details") == len(MAGICS)
    assert html.count("<summary>") == html.count("</details>")
    assert "%%gpu -i x,y -o z\nz = x @ y" in html


def test_html_of_a_docstring_is_text():
    @help_group(HelpGroup.DATA)
    def magic(line):
        """Show <b>bold</b>.

        ::

            %magic <i>
        """

    shown = overview.Overview((overview.describe_magic("%magic", magic),))._repr_html_()

    assert "<b>" not in shown
    assert "&lt;b&gt;bold" in shown
    assert "%magic &lt;i&gt;" in shown
