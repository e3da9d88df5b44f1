"""Random networks over hidden axes of one size: what the rules find by themselves is preserved, at every length."""

from hypothesis import event, given, settings

import layergen
from tests.layergen.tracing.action import assert_preserved
from tests.layergen.tracing.programs import PROGRAMS, examples

THOROUGH = settings().max_examples >= 1000


@settings(max_examples=2000 if THOROUGH else settings().max_examples)  # 10,000 branches
@given(PROGRAMS)
def test_what_the_rules_find_is_preserved(network):
    inputs = examples()
    space = layergen.trace(network, inputs[0], vary=network.vary, prove=False).space
    event(f"{len(space.indices)} sets, {sum(index.parent is not None for index in space.indices)} nested")
    assert_preserved(network, space, inputs, elements=2)
