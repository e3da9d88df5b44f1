"""Weight spaces to make pages of, and a reader of pages that keeps what tests ask for."""

import json
import re
from functools import cache
from html.parser import HTMLParser

import symmetry
from layergen.report import page
from symmetry import SCALAR, EquivariantMaps, WeightSpace
from tests.test_imports import ROOT

NESTED = WeightSpace(
    {"q.weight": "((head dk) + (head dk)) d", "o.weight": "d (head dk)", "a<b&'\"": "head y 3"},
    sets={"d": 8, "head": 2, "dk": {"size": 4, "within": "head"}},
    free={"y": 2},
)


def load(name):
    return symmetry.load(ROOT / "generated" / f"{name}.toml")


MAPS = {
    "mlp": lambda: EquivariantMaps(load("mlp")),
    "nested": lambda: EquivariantMaps(NESTED),
    "invariant": lambda: EquivariantMaps(load("mlp"), SCALAR),
    "local": lambda: EquivariantMaps(load("mlp"), terms="local", rank=2),
    "lstm": lambda: EquivariantMaps(load("lstm")),
    "sine": lambda: EquivariantMaps(load("sine")),
    "attention": lambda: EquivariantMaps(load("attention")),
    "proved": lambda: EquivariantMaps(WeightSpace({"w": "h k", "v": "k h", "b": "h"}, sets={"h": 3, "k": 9})),
    "another space": lambda: EquivariantMaps(load("mlp"), load("neurons")),
}
"""Maps of every sort: nested sets, concatenated axes, signs, matrices, restrictions, another target."""


@cache
def html(name):
    return page(MAPS[name](), title=name, prove=name == "proved")


SLOT = re.compile("\0(.*?)\1(.*?)\2")
"""The mark of a place that the page's script fills with an index of the block and with primes."""
VOID = {"meta", "link"}


class Reader(HTMLParser):
    """The elements of a page, each with its attributes, its text and the elements that it is in."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {[one['tag'] for one in self.open]}"

    def handle_starttag(self, tag, attributes):
        names = [name for name, _ in attributes]
        assert len(names) == len(set(names)), f"an attribute is given twice: {tag} {names}"
        found = {"tag": tag, "text": "", "in": list(self.open), **dict(attributes)}
        self.elements.append(found)
        if tag not in VOID:
            self.open.append(found)
        if "data-primes" in found:
            self.handle_data(f"\0{found['data-slot']}\1{found['data-primes']}\2")

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open[-1]["tag"] == tag, f"</{tag}> closes <{self.open[-1]['tag']}>"
        self.open.pop()

    def handle_data(self, data):
        for one in self.open:
            one["text"] += data

    def all(self, tag, mark=""):
        """The elements of a tag, with a class."""
        return [one for one in self.elements if one["tag"] == tag and mark in [*(one.get("class") or "").split(), ""]]

    def within(self, element, tag):
        return [one for one in self.elements if one["tag"] == tag and any(above is element for above in one["in"])]

    @property
    def data(self):
        """What the page's script reads."""
        (found,) = [one for one in self.all("script") if one.get("id") == "data"]
        return json.loads(found["text"])


@cache
def read(name):
    return Reader(html(name))
