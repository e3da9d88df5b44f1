"""What a trace says of indices is said in the names of its families, once for all blocks of which it is true."""

import layergen
from layergen.tracing.folding import in_names_of
from symmetry import WeightSpace
from tests.layergen.test_families import WORDS, Language

UNITS = {"size": 4, "within": "blocks"}
FOLDED = WeightSpace(
    {"blocks.{blocks+1}.up": "units d", "out": "y d"}, sets={"units": UNITS, "d": 3}, free={"y": 2},
    positional={"blocks": 3},
)  # fmt: skip
APART = WeightSpace(
    {"blocks.1.up": "a d", "blocks.2.up": "b d", "blocks.3.up": "c d", "out": "y d"},
    sets={"a": 4, "b": 4, "c": 4, "d": 3},
    free={"y": 2},
)


def test_what_holds_of_every_block_is_said_once():
    texts = [f"'{name}' (4) may be turned" for name in "abcd"]
    assert in_names_of(FOLDED, APART, texts) == ("'units' (4) may be turned", "'d' (4) may be turned")


def test_what_holds_of_some_blocks_is_said_of_these():
    assert in_names_of(
        FOLDED, APART, ["permuting 'a' alone", "permuting 'c' in 'blocks.3.up'", "permuting 'c' alone"]
    ) == (
        "permuting 'units' alone (blocks 0, blocks 2)",
        "permuting 'units' in 'blocks.{blocks+1}.up' (blocks 2)",
    )


def test_what_is_said_of_two_blocks_names_both():
    (text,) = in_names_of(FOLDED, APART, ["exchanging 'a' and 'b', not 'z'"])
    assert text == "exchanging 'units' (blocks 0) and 'units' (blocks 1), not 'z'"


def test_without_families_nothing_changes():
    assert in_names_of(APART, APART, ["'a' is 'b'"]) == ("'a' is 'b'",)


def test_a_trace_speaks_of_indices_that_its_space_has():
    found = layergen.trace(Language(3), WORDS, prove=False)
    names = {index.name for index in found.space.indices}
    assert {text.split("'")[1] for text in found.more} <= names
    assert sum("'blocks_query'" in text for text in found.more) == 1
    apart = layergen.trace(Language(3), WORDS, prove=False, families=False)
    assert len(apart.more) > len(found.more)
