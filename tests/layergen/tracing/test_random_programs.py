"""Random networks over hidden axes of one size: what the rules find by themselves is preserved, at every length."""

import numpy as np
from hypothesis import event, given, settings

import layergen
from layergen.preservation.function import Function
from layergen.tracing.copying import in_general_position
from symmetry import random_element
from tests.layergen.tracing.action import assert_preserved
from tests.layergen.tracing.programs import PROGRAMS, examples

THOROUGH = settings().max_examples >= 1000


@settings(max_examples=10_000 if THOROUGH else settings().max_examples)  # of five branches each
@given(PROGRAMS)
def test_what_the_rules_find_is_preserved(network):
    inputs = examples()
    space = layergen.trace(network, inputs[0], vary=network.vary, prove=False, families=False).space
    event(f"{len(space.indices)} sets, {sum(index.parent is not None for index in space.indices)} nested")
    assert_preserved(network, space, inputs, elements=2)


@settings(max_examples=2000 if THOROUGH else settings().max_examples // 4)
@given(PROGRAMS)
def test_what_more_than_permutations_the_rules_find_is_preserved(network):
    inputs = examples()
    space = layergen.trace(network, inputs[0], vary=network.vary, prove=False, families=False, symmetries="all").space
    for index in space.indices:
        event(index.acted_on_by)
    for seed, example in enumerate(inputs):
        function = Function.of(in_general_position(network), space, example)
        g = random_element(space, np.random.default_rng(seed))
        assert function.change(g.act({name: function.declared(name) for name in space.names})) < 1e-7
