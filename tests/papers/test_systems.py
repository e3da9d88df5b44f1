"""The pages of the published systems: what the command prints is what they say."""

import re
from pathlib import Path

import pytest

pytest.importorskip("nfn.layers")

from typer.testing import CliRunner

import papers
from papers.__main__ import application
from papers.page import Setting, System, Table, lines
from papers.published import VARIABLE, Published, named_by_environment
from papers.systems import NAMES, find

CODE = named_by_environment()
ROUNDING = re.compile(r"\| \d(?:\.\d+)?e-1[0-9] \|$")


def page(name):
    return (Path(papers.__file__).parent / name / "README.md").read_text().splitlines()


def settled(text):
    """A line without the digits of a rounding error."""
    return ROUNDING.sub("| rounding |", text)


def tables(chosen):
    """Every table of every page, its name and whether it needs public code."""
    for name in NAMES:
        for table in find(name).tables:
            elsewhere = name == "nfn" and "Ours" not in table.title  # rows that `test_nfn.py` asserts, with numbers
            if (table.repository is not None) == chosen and not elsewhere:
                yield pytest.param(name, table, id=f"{name}: {table.title[:40]}")


@pytest.mark.parametrize(("name", "table"), list(tables(False)))
def test_what_is_printed_is_on_the_page(name, table):
    assert_on_page(name, table, Setting())


@pytest.mark.parametrize(("name", "table"), list(tables(True)))
def test_what_is_found_in_public_code_is_on_the_page(name, table):
    if (reason := CODE.reason(table.repository)) is not None:
        pytest.skip(f"{VARIABLE} does not name the public code: {reason}")
    assert_on_page(name, table, Setting(published=CODE))


def assert_on_page(name, table, setting):
    said = set(map(settled, page(name)))
    printed = list(lines(System("", (table,)), setting))
    assert len(printed) > 4, "a table without rows"
    assert [text for text in printed if text.startswith("|") and settled(text) not in said] == []


def test_a_table_whose_code_is_not_at_hand_says_so():
    table = Table("judged", ("layer",), lambda setting: iter([("x",)]), "owner/name")
    *_, last = lines(System("", (table,)), Setting(published=Published()))
    assert last.startswith("Not judged: --code names no folder; git clone https://github.com/owner/name")


def test_cells_that_are_left_out_are_dashes():
    table = Table("short", ("a", "b", "c"), lambda setting: [("1",)])
    assert list(lines(System("", (table,)), Setting()))[-1] == "| 1 | – | – |"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([], "give names of systems"),
        (["nfn", "--all"], "give names of systems"),
        (["dwsnet"], "no system dwsnet"),
        (["nfn", "--code", "/no/such/folder"], "does not exist"),
    ],
)
def test_bad_input_is_told_in_a_line(given, told):
    result = CliRunner().invoke(application, given, env={"COLUMNS": "200", VARIABLE: ""})
    assert result.exit_code == 2
    assert told in result.output
    assert "Traceback" not in result.output


def test_the_command_prints_a_system():
    result = CliRunner().invoke(application, ["lora_gl", "--quick"])
    assert result.exit_code == 0
    assert "| GL | 2 | 13 | 0 |" in result.output
