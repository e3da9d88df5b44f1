"""What notebooks show: well-formed tables with every tensor, every dimension, and names that cannot break the page."""

import re
from xml.etree import ElementTree

from symmetry import EquivariantMaps, WeightSpace

SPACE = WeightSpace({"a<b": "h1 x", "0.bias": "h1", "2.weight": "h2 h1"}, sets={"h1": 3, "h2": 4}, free={"x": 2})


def cells(html):
    """The texts of a table's rows."""
    rows = ElementTree.fromstring(html).iter("tr")
    return [["".join(cell.itertext()) for cell in row] for row in rows]


def test_a_space_is_a_table_of_its_tensors():
    head, *rows = cells(SPACE._repr_html_())
    assert head == ["tensor", "axes", "shape"]
    assert rows == [["a<b", "h1 x", "3 × 2"], ["0.bias", "h1", "3"], ["2.weight", "h2 h1", "4 × 3"]]


def test_an_index_has_one_colour_and_free_ones_have_none():
    found = set(re.findall(r'<b style="color:([^"]*)">(\w+)</b>', SPACE._repr_html_()))
    assert sorted(name for _, name in found) == ["h1", "h2"]
    assert len({colour for colour, _ in found}) == 2


def test_maps_are_a_table_that_sums_to_the_dimension():
    maps = EquivariantMaps(SPACE)
    head, *rows = cells(maps._repr_html_())
    assert head[1:] == list(SPACE.names) == [row[0] for row in rows]
    assert sum(int(text) for row in rows for text in row[1:]) == maps.dimension
    assert repr(maps) in "".join(ElementTree.fromstring(maps._repr_html_()).itertext())


def test_blocks_that_are_left_out_are_dots():
    space = WeightSpace({"u": "h", "v": "k"}, sets={"h": 3, "k": 3})
    assert [row[1:] for row in cells(EquivariantMaps(space, terms="local")._repr_html_())[1:]] == [
        ["2", "·"],
        ["·", "2"],
    ]


def test_the_table_of_many_tensors_is_its_total():
    maps = EquivariantMaps(WeightSpace({f"t{number}": "h" for number in range(31)}, sets={"h": 3}))
    assert len(cells(maps._repr_html_())) == 1
