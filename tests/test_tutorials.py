"""Tutorials run in their short form, do what they say, and become pages and notebooks."""

import json
import sys
from functools import cache

import pytest

from tests.test_imports import ROOT

sys.path.append(str(ROOT / "docs"))
percent = pytest.importorskip("percent")
sys.path.remove(str(ROOT / "docs"))
TUTORIALS = {path.stem: path for path in sorted((ROOT / "docs" / "tutorials").glob("*.py"))}


@cache
def run(name):
    """The cells of a tutorial, what each shows, and the names that it leaves."""
    script = percent.cells(TUTORIALS[name].read_text("utf-8"))
    arguments, sys.argv = sys.argv, [f"{name}.py", "--quick"]
    try:
        namespace = {"__name__": name}
        outputs = list(percent.executed(script, namespace))
    finally:
        sys.argv = arguments
    return script, outputs, namespace


def test_there_are_three():
    assert list(TUTORIALS) == ["checkpoints", "editing", "testing"]


@pytest.mark.parametrize("name", TUTORIALS)
def test_a_tutorial_becomes_a_page_and_a_notebook(name):
    script, outputs, _ = run(name)
    text = percent.page(script, outputs, name)
    assert text.startswith(f"{script[0].text.splitlines()[0]}\n\n")
    assert all(cell.text in text for cell in script[1:])
    found = json.loads(percent.notebook(script))
    assert ["".join(cell["source"]) for cell in found["cells"]] == [cell.text for cell in script]
    assert len({cell["id"] for cell in found["cells"]}) == len(script)
    code = "\n".join("".join(cell["source"]) for cell in found["cells"] if cell["cell_type"] == "code")
    compile(code, name, "exec")


def test_checkpoints_are_read_and_predicted():
    _, outputs, names = run("checkpoints")
    assert set(names["r2"]) == {"weights", "weights and probes"}
    assert len(names["found"]["weights"]) == len(names["others"]) == 20
    assert any("0.weight" in shown for _, shown in outputs)


def test_the_mistake_is_found_and_what_is_missing_named():
    _, outputs, names = run("testing")
    assert (names["verdict"].passed, names["verdict"].kind) == (False, "not equivariant")
    assert not names["reached"].is_complete
    assert names["reached"].is_equivariant
    assert not names["blind"].passed
    assert outputs[-1] == ("", "<pre>True</pre>")
    assert sum("<svg" in shown for _, shown in outputs) == 1


def test_networks_are_edited():
    _, outputs, names = run("editing")
    printed = "".join(printed for printed, _ in outputs)
    assert "the function is not preserved: exchanging elements 0 and 1" in printed
    assert names["before"] > 0.01
    assert names["after"] != names["before"]


def test_a_script_that_is_as_it_was_is_not_run_again(tmp_path):
    path = tmp_path / "one.py"
    path.write_text("# %% [markdown]\n# # One\n\n# %%\nprint('said')\n1 + 1\n")
    percent.write_tutorials(tmp_path)
    text = (tmp_path / "one.md").read_text()
    assert text.startswith("# One\n")
    assert "said" in text
    assert "<pre>2</pre>" in text
    (tmp_path / "one.md").write_text("kept")
    percent.write_tutorials(tmp_path)
    assert (tmp_path / "one.md").read_text() == "kept"
    path.write_text("# %%\nraise ValueError('at once')\n")
    with pytest.raises(ValueError, match="at once"):
        percent.write_tutorials(tmp_path)
