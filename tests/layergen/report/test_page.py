"""The page as it lies: every block and every diagram is there, names are escaped, references lead somewhere."""

import re

import pytest
import torch
from torch import nn

import layergen
import symmetry
from layergen.report import page
from layergen.report.patterns import SHOWN
from symmetry import EquivariantMaps, WeightSpace
from tests.layergen.report.pages import MAPS, SLOT, Reader, html, read

REFERENCES = ("aria-labelledby", "aria-describedby", "aria-controls")


@pytest.mark.parametrize("name", MAPS)
def test_every_reference_leads_to_an_element(name):
    found = read(name)
    ids = [one["id"] for one in found.elements if "id" in one]
    assert len(ids) == len(set(ids))
    used = {word for one in found.elements for key in REFERENCES for word in one.get(key, "").split()}
    used |= {one["href"].removeprefix("#") for one in found.all("a")}
    assert used <= set(ids)


@pytest.mark.parametrize("name", MAPS)
def test_nothing_is_loaded(name):
    assert not re.search(r"https?:|url\(|@import", html(name))
    assert not any("src" in one for one in read(name).elements)
    assert [one["href"] for one in read(name).all("link")] == ["data:,"]


@pytest.mark.parametrize("name", MAPS)
def test_buttons_say_what_they_are_and_how_they_stand(name):
    for button in read(name).all("button"):
        assert button.get("aria-label") or button["text"].strip()
        assert button.get("aria-expanded", button.get("aria-pressed")) == "false"


@pytest.mark.parametrize("name", MAPS)
def test_every_block_is_listed_with_its_dimension(name):
    maps, found = MAPS[name](), read(name)
    listed = {button["aria-label"]: button["text"] for button in found.all("button", "block")}
    expected = {f"{b.target.name} from {b.source.name}: {b.dimension:,}": f"{b.dimension:,}" for b in maps.blocks}
    expected |= {f"{b.target.name} from bias: {b.dimension:,}": f"{b.dimension:,}" for b in maps.bias_blocks}
    assert listed == expected
    biases = sum(int(text.replace(",", "")) for label, text in listed.items() if " from bias: " in label)
    assert biases == maps.bias_dimension
    assert sum(int(text.replace(",", "")) for text in listed.values()) == maps.dimension + biases


def notations(found, button, target, source):
    """The diagrams of a block in index notation, as the page's script fills its pattern in."""
    slots = [found.data["indices"][number][0] for number in dict.fromkeys(target["indices"] + source["indices"])]
    (template,) = [one for one in found.all("template") if one["id"] == f"p{button['data-p']}"]
    (drawn,) = [one for one in found.within(template, "ul") if one.get("class") == "diagrams"]
    for code in found.within(drawn, "code"):
        left, right = SLOT.sub(lambda match: slots[int(match[1])] + match[2], code["text"]).split(" ← ")
        yield f"{target['name']}{left} <- {source['name']}{right}"


@pytest.mark.parametrize("name", [name for name in MAPS if name != "lstm"])
def test_patterns_filled_in_are_the_diagrams_of_the_block(name):
    maps, found = MAPS[name](), read(name)
    buttons = {button["aria-label"].rpartition(":")[0]: button for button in found.all("button", "block")}
    targets, sources = ({one["name"]: one for one in found.data[key]} for key in ("targets", "sources"))
    for block in maps.blocks:
        button = buttons[f"{block.target.name} from {block.source.name}"]
        expected = [str(diagram) for diagram in block.diagrams(opened=True)][:SHOWN]
        assert list(notations(found, button, targets[block.target.name], sources[block.source.name])) == expected


def test_one_colour_is_one_index():
    found = read("mlp")
    assert {one["text"] for one in found.all("b", "i0")} == {"h1"}
    assert {one["text"] for one in found.all("b", "i1")} == {"h2"}
    hues = re.findall(r"^\.i(\d+)\{--hue:(\d+)\}$", html("mlp"), re.MULTILINE)
    assert [number for number, _ in hues] == ["0", "1"]  # x and y are free
    assert len({hue for _, hue in hues}) == 2


def test_names_cannot_break_the_page():
    name = "</script><b>&\"'"
    space = WeightSpace({name: "h", "w": "h"}, sets={"h": 3})
    found = Reader(page(space, prove=False, title=name))
    assert [target["name"] for target in found.data["targets"]] == [name, "w"]
    assert found.all("h1")[0]["text"] == found.all("title")[0]["text"] == name


def test_proofs_are_those_of_the_pattern():
    found = read("proved")
    lists = found.all("ul", "proofs")
    assert len(lists) == len(found.all("template"))
    assert all("characters: " in one["text"] for one in lists)
    assert not read("lstm").all("ul", "proofs")


def test_of_many_diagrams_the_first_are_shown():
    found = Reader(page(WeightSpace({"w": "h h h"}, sets={"h": 9}), prove=False))
    template, _ = found.all("template")
    assert "203 diagrams, values of free indices open; the first 40 are shown" in template["text"]
    assert len([one for one in found.within(template, "li") if "data-core" in one]) == SHOWN


def test_a_proof_that_disagrees_is_an_error(monkeypatch):
    def wrong(maps, blocks):
        return [symmetry.verification.report.Finding("guessing", block, 7, block.dimension) for block in blocks]

    monkeypatch.setattr("layergen.report.rendering.PROOFS", (wrong,))
    with pytest.raises(symmetry.VerificationError, match="dimension 7 by guessing"):
        page(WeightSpace({"b": "h"}, sets={"h": 3}))


def test_a_layer_that_is_too_large_is_no_code_and_a_page_all_the_same():
    maps = EquivariantMaps(WeightSpace({"w": "h h h h h h"}, sets={"h": 99}))
    found = Reader(page(maps, prove=False))
    assert "more than the limit of 100,000" in " ".join(one["text"] for one in found.all("p"))
    assert "too many to list" in found.all("template")[0]["text"]
    assert not found.all("button", "lines")


class Cell(nn.Module):
    """A network of which an axis is frozen, because places count."""

    def __init__(self):
        super().__init__()
        self.up, self.down = nn.Linear(3, 4), nn.Linear(4, 2)

    def forward(self, x):
        return self.down(torch.cumsum(self.up(x), -1))


def test_a_module_has_its_frozen_axes_and_reasons():
    trace = layergen.trace(Cell(), [torch.randn(5, 3)])
    found = Reader(page(trace.space, trace=trace))
    (section,) = [one for one in found.all("section") if one.get("id") == "frozen"]
    for one in trace.frozen:
        assert one.why in section["text"]
    assert f"{trace.tried} rearrangements" in section["text"]
    for one in (*trace.warnings, *trace.possible, *trace.more, *trace.assumed):
        assert one in section["text"]


def test_a_specification_that_is_not_that_of_the_module_is_said_to_be():
    network = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    trace = layergen.trace(network, [torch.randn(5, 3)])
    said = "The specification and what is found in the module differ"
    found = page(trace.space, trace=trace, differences=["'h' is two"], prove=False)
    assert said in found
    assert "&#39;h&#39; is two" in found
    assert said not in page(trace.space, trace=trace, prove=False)
