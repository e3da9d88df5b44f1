"""Scripts and commands of the README and of the pages of docs/ run as printed; transcripts are doctests."""

import re
import shlex
import sys

import pytest
import torch
from torch import nn

from layergen.cli import main
from symmetry import WeightSpace, dumps
from tests.test_imports import ROOT

PAGES = {str(path.relative_to(ROOT)): path for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]}
MADE = ("docs/gallery/", "docs/reference/", "docs/tutorials/")
"""Folders of pages that `make docs` makes."""
PAGES = {page: path for page, path in PAGES.items() if not page.startswith(MADE)}
BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```", re.MULTILINE | re.DOTALL)
NEEDS = {"docs/guides/representations.md": "escnn"}
"""Packages that a page is about and that some versions of Python do not have."""


def blocks(page):
    """The scripts and commands of a page, in order: `(language, text)`, without transcripts."""
    return [(kind, text) for kind, text in BLOCK.findall(PAGES[page].read_text("utf-8")) if ">>>" not in text]


def make_zoo(folder):
    """What the page on training begins with: a specification and two folders of networks with accuracies."""
    tensors = {"0.weight": "h x", "0.bias": "h", "2.weight": "y h", "2.bias": "y"}
    (folder / "space.toml").write_text(dumps(WeightSpace(tensors, sets={"h": 4}, free={"x": 2, "y": 1})))
    for zoo in (folder / "zoo", folder / "other-zoo"):
        zoo.mkdir()
        for number in range(12):
            torch.save(nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1)).state_dict(), zoo / f"{number}.pt")
        rows = (f"{number}.pt,{number / 12:.3f}" for number in range(12))
        (zoo / "labels.csv").write_text("\n".join(["file,accuracy", *rows]))


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)])
def test_scripts_and_commands_run_as_printed(page, tmp_path, monkeypatch):
    if page in NEEDS:
        pytest.importorskip(NEEDS[page])
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    if page == "docs/guides/train.md":
        make_zoo(tmp_path)
    torch.manual_seed(0)
    namespace = {}
    for kind, text in blocks(page):
        if kind == "python":
            if text.startswith("# ") and text.split()[1].endswith(".py"):  # the page says which file it is
                (tmp_path / text.split()[1]).write_text(text)
            exec(compile(text, page, "exec"), namespace)
            continue
        for command in text.splitlines():
            monkeypatch.setattr(sys, "argv", shlex.split(command, comments=True))
            with pytest.raises(SystemExit) as end:
                main()
            assert not end.value.code, command
    if page == "README.md":
        assert namespace["r2"] > 0.9  # the script ends in something useful


def test_the_readme_is_short():
    assert len(PAGES["README.md"].read_text("utf-8").splitlines()) <= 150
