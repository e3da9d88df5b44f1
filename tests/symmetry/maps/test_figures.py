"""Diagrams as notebooks show them: a dot for each position, a curve for each joint, one colour a name."""

import re
from xml.etree import ElementTree

import pytest

from symmetry import EquivariantMaps, WeightSpace
from symmetry.maps.strands import strands

SPACE = WeightSpace({"w<": "h k x", "v": "h h", "b": "y"}, sets={"h": 4, "k": 4}, free={"x": 2, "y": 3})
MAPS = EquivariantMaps(SPACE)


def drawn(html):
    root = ElementTree.fromstring(html)
    return root, list(root.iter("path")), list(root.iter("circle")), list(root.iter("rect"))


@pytest.mark.parametrize(("target", "source"), [("w<", "v"), ("v", "v"), ("b", "w<"), ("b", "b")])
def test_marks_and_curves_are_those_of_the_diagram(target, source):
    for diagram in MAPS.block(target=target, source=source).diagrams(opened=True):
        root, paths, circles, squares = drawn(diagram._repr_html_())
        assert len(circles) == sum(map(len, diagram.blocks))
        assert len(squares) == len(diagram.loose)
        assert len(paths) == sum(len(block) - 1 for block in diagram.blocks)  # a block is one tree
        full = sum(len(block) for block, kept in zip(diagram.blocks, diagram.survives, strict=True) if kept)
        assert sum(one.get("fill") != "white" for one in circles) == full
        assert next(root.iter("code")).text == str(diagram)
        assert next(root.iter("svg")).get("aria-label") == str(diagram)


def test_curves_join_the_dots_of_their_block():
    for diagram in MAPS.block(target="v", source="v"):
        found = strands(diagram)
        places = {f"{dot.x:.4g} {dot.y:.4g}": number for number, dot in enumerate(found.dots)}
        joined = {number: {number} for number in range(len(found.dots))}
        for curve in found.curves:
            ends = [places[end] for end in re.findall(r"^M([\d. ]+)C.* ([\d.]+ [\d.]+)$", curve.path)[0]]
            together = joined[ends[0]] | joined[ends[1]]
            joined |= dict.fromkeys(together, together)
        assert {tuple(sorted(block)) for block in joined.values()} == set(diagram.blocks)


def test_one_colour_is_one_index():
    root, *_ = drawn(next(iter(MAPS.block(target="w<", source="v")))._repr_html_())
    strokes = [one.get("stroke") for one in root.iter("circle")]
    assert [strokes[0] == other for other in strokes] == [True, False, True, True]  # h k, h h


def test_a_block_shows_its_first_diagrams_and_says_how_many_there_are():
    root = ElementTree.fromstring(MAPS.block(target="v", source="v")._repr_html_())
    assert len(list(root.iter("figure"))) == 12
    assert "".join(next(root.iter("p")).itertext()) == "v[h h] <- v[h h]: 15 diagrams, the first 12 of them"
    few = ElementTree.fromstring(MAPS.block(target="b", source="b")._repr_html_())
    assert "".join(next(few.iter("p")).itertext()) == "b[y] <- b[y]: 1 diagram"


def test_a_block_of_too_many_diagrams_shows_their_number():
    block = EquivariantMaps(WeightSpace({"w": "h h h h h h"}, sets={"h": 99})).block("w", "w")
    assert "4,213,597 diagrams</p></div>" in block._repr_html_()
    assert repr(block) == "Block(w[h h h h h h] <- w[h h h h h h]: dimension 4,213,597)"


def test_spaces_maps_and_blocks_are_drawn():
    maps = EquivariantMaps(WeightSpace({"w": "h x", "b": "h"}, sets={"h": 3}, free={"x": 2}))
    for one in (maps.source, maps, maps.block(target="w", source="b")):
        assert type(one.draw()).__name__ == "Figure"
