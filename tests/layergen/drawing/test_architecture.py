"""The picture of an architecture: texts apart, nested sets in their parent's frame, squares for what stays."""

from importlib import import_module

import pytest
from matplotlib.patches import FancyBboxPatch, Rectangle

from benchmarks.spaces import transformer
from layergen.drawing import architecture, placing
from layergen.drawing.families import in_families
from symmetry import WeightSpace, load
from symmetry.graphs.architecture import architecture_graph
from tests.generated.architectures import FOLDER


@pytest.fixture
def taken(monkeypatch):
    """The boxes of the texts that are written where there is room."""
    found = []

    class Kept(placing.Texts):
        def __init__(self, axes):
            super().__init__(axes)
            found.append(self.taken)

    monkeypatch.setattr(import_module("layergen.drawing.architecture"), "Texts", Kept)
    return found


@pytest.mark.parametrize(
    "space", [transformer(1, width=8, heads=2, hidden=16), *(load(path) for path in sorted(FOLDER.glob("*.toml")))]
)
def test_texts_do_not_overlap(space, taken):
    architecture(space)
    (boxes,) = taken
    shared = [placing.overlap(one, other) for place, one in enumerate(boxes) for other in boxes[:place]]
    assert max(shared, default=0) == 0


def test_nested_sets_are_framed():
    space = transformer(1, width=8, heads=2, hidden=16)
    figure = architecture(space)
    frames = [patch for patch in figure.axes[0].patches if isinstance(patch, FancyBboxPatch)]
    assert len(frames) == 2  # of the indices, and of their neurons
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts.count("head0 (2)") == 2
    plain = architecture(WeightSpace({"w": "h k"}, sets={"h": 3, "k": 2}))
    assert not [patch for patch in plain.axes[0].patches if isinstance(patch, FancyBboxPatch)]


def test_a_family_is_drawn_as_one_block_so_many_times():
    space = WeightSpace(
        {"in": "d x", "{layer}.up.w": "h d", "{layer}.down.w": "d h", "{layer}.norm.w": "d"},
        sets={"d": 4, "h": {"size": 8, "within": "layer"}},
        positional={"layer": 12},
        free={"x": 3},
    )
    graph = architecture_graph(space)
    assert sorted(graph.edges(data="tensor")) == [
        ("d", "h", "{layer}.up.w"),
        ("h", "d", "{layer}.down.w"),
        ("x", "d", "in"),
    ]
    assert graph.nodes["d"]["tensors"] == ["{layer}.norm.w"]
    texts = [text.get_text() for text in architecture(space).axes[0].texts]
    assert texts.count("layer × 12") == 2


def test_experts_of_a_family_are_drawn():
    space = WeightSpace({"gate": "expert x", "{expert}.b": "x"}, sets={"expert": 4}, free={"x": 3})
    assert sorted(architecture_graph(space).edges(data="tensor")) == [
        ("x", "expert", "gate"),
        ("x", "expert", "{expert}.b"),
    ]


def test_nested_sets_stand_together():
    space = WeightSpace(
        {"a": "(head u) d", "b": "m d", "c": "(head v) d"},
        sets={"d": 2, "m": 2, "head": 2, "u": {"size": 2, "within": "head"}, "v": {"size": 2, "within": "head"}},
    )
    indices = {index.name: index for index in space.indices}
    assert in_families(space, indices, ["u", "m", "v", "d"]) == ["u", "v", "m", "d"]


@pytest.mark.parametrize("section", ["positional", "free"])
def test_what_does_not_permute_is_a_square(section):
    """An embedding tells positions apart, as inputs are that a specification lists one by one."""
    figure = architecture(WeightSpace({"w": "h x"}, sets={"h": 3}, **{section: {"x": 2}}))
    squares = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
    assert len(squares) == 1 + 2  # the index, and its values
