"""Scripts in cells, `# %%`: as pages with what each cell shows, and as notebooks."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

__all__ = ["Cell", "cells", "executed", "notebook", "page", "write_tutorials"]


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a script: prose without its comment marks, or code."""

    prose: bool
    text: str


def cells(script: str) -> list[Cell]:
    """The cells of a script.

    >>> cells("# %% [markdown]\\n# # Title\\n#\\n# Words.\\n\\n# %%\\n1 + 1\\n")
    [Cell(prose=True, text='# Title\\n\\nWords.'), Cell(prose=False, text='1 + 1')]
    """
    found = []
    for mark, text in re.findall(r"^# %%( \[markdown\])?\n(.*?)(?=^# %%|\Z)", script, re.MULTILINE | re.DOTALL):
        text = text.strip("\n")
        found.append(Cell(True, re.sub("^# ?", "", text, flags=re.MULTILINE)) if mark else Cell(False, text))
    return found


def executed(script: list[Cell], namespace: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """For each cell what it prints, and what its last expression shows as HTML or else as text; of prose nothing."""
    name = namespace["__name__"]
    for cell in script:
        printed = io.StringIO()
        shown = ""
        if not cell.prose:
            tree = ast.parse(cell.text)
            last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
            with contextlib.redirect_stdout(printed):
                exec(compile(tree, name, "exec"), namespace)
                value = eval(compile(ast.Expression(last.value), name, "eval"), namespace) if last else None
            if value is not None:
                own = getattr(value, "_repr_html_", None)
                shown = own() if own else f"<pre>{escape(repr(value))}</pre>"
        yield printed.getvalue(), shown


def page(script: list[Cell], outputs: list[tuple[str, str]], name: str) -> str:
    """A page in Markdown: the cells, and below each what it showed."""
    parts = []
    for cell, (printed, shown) in zip(script, outputs, strict=True):
        parts.append(cell.text if cell.prose else f"```{{code-block}} python\n{cell.text}\n```")
        parts += [f"```{{code-block}} text\n{printed.rstrip()}\n```"] if printed else []
        parts += [f'```{{raw}} html\n<div class="shown">{shown}</div>\n```'] if shown else []
    title, *rest = parts
    heading, _, words = title.partition("\n")
    links = f"The same as a [script]({name}.py) and as a {{download}}`notebook <{name}.ipynb>`."
    return "\n\n".join([heading, words.strip(), links, *rest]) + "\n"


def notebook(script: list[Cell]) -> str:
    """The cells as a notebook in the format of Jupyter, version 4."""
    code: dict[str, Any] = {"cell_type": "code", "execution_count": None, "outputs": []}
    found = [
        ({"cell_type": "markdown"} if cell.prose else code)
        | {"id": f"cell-{number}", "metadata": {}, "source": cell.text.splitlines(keepends=True)}
        for number, cell in enumerate(script)
    ]
    metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return json.dumps({"cells": found, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}, indent=1) + "\n"


def write_tutorials(folder: Path) -> None:
    """The page and the notebook of each script of a folder, beside it; a script that is as it was is not run again."""
    for path in sorted(folder.glob("*.py")):
        goal = path.with_suffix(".md")
        if goal.exists() and goal.stat().st_mtime > path.stat().st_mtime:
            continue
        script = cells(path.read_text("utf-8"))
        arguments, sys.argv = sys.argv, [path.name]
        try:
            text = page(script, list(executed(script, {"__name__": path.stem})), path.stem)
        finally:
            sys.argv = arguments
        path.with_suffix(".ipynb").write_text(notebook(script), encoding="utf-8")
        goal.write_text(text, encoding="utf-8")
