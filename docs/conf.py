"""The documentation site: every page of the repository, its links checked, the gallery and the reference made here.

The source folder is the repository's root, so that a link between pages is the same link here and where the files lie.
"""

import re
import sys
from pathlib import Path

from docutils.nodes import SkipNode, math_block
from docutils.utils.math.latex2mathml import tex2mathml

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]

project = "layergen"
author = "the layergen authors"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
root_doc = "docs/index"
include_patterns = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/**",
    "benchmarks/**",
    "generated/README.md",
    "layergen/*/README.md",
    "papers/README.md",
    "papers/*/README.md",
]
exclude_patterns = [".cache", ".git", ".venv", "**/__pycache__", "symmetry", "tests", "demo/out", "benchmarks/out"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
html_theme = "furo"
html_title = "layergen"
html_math_renderer = "mathml"
html_copy_source = False
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
autodoc_typehints = "signature"
autosummary_generate = False
numpydoc_show_class_members = False


def resolve_folders(app, page, source):
    """A link to a folder leads to its README; to a folder without one, nowhere."""

    def swapped(link):
        text, folder = link.groups()
        readme = (ROOT / page).parent / folder / "README.md"
        return f"[{text}]({folder}README.md)" if readme.is_file() else text

    source[0] = re.sub(r"\[([^\]]*)\]\(((?!https?:)[^)\s#]+/)\)", swapped, source[0])


def write_pages(app):
    """The pages that follow from the specifications, from the packages and from scripts."""
    from made import write_gallery, write_reference
    from percent import write_tutorials
    from pictures import write_pictures

    write_pictures(ROOT / "docs")
    write_tutorials(ROOT / "docs" / "tutorials")
    write_gallery(ROOT / "docs")
    write_reference(ROOT / "docs")


def render(writer, node):
    """A formula as MathML, which browsers set without a network."""
    block = isinstance(node, math_block)
    writer.body.append(tex2mathml(node.astext(), as_block=block))
    raise SkipNode


def write_entrance(app, failure):
    """The site's first page lies in a folder: the entrance leads there."""
    if failure is None:
        refresh = '<meta http-equiv="refresh" content="0; url=docs/index.html">'
        page = f'<!doctype html><meta charset="utf-8"><title>layergen</title>{refresh}'
        (Path(app.outdir) / "index.html").write_text(
            page + '<a href="docs/index.html">layergen</a>\n', encoding="utf-8"
        )


def setup(app):
    app.connect("builder-inited", write_pages, priority=100)  # before autosummary looks for its tables
    app.connect("source-read", resolve_folders)
    app.connect("build-finished", write_entrance)
    app.add_html_math_renderer("mathml", inline_renderers=(render, None), block_renderers=(render, None))
