"""Property tests for anybody's metanetwork: is it equivariant, and if not, what is the smallest counterexample?"""

from layergen.testing.checking import Verdict, assert_equivariant, assert_invariant, check
from layergen.testing.preservation import assert_function_preserved
from layergen.testing.strategies import group_elements, weight_spaces

__all__ = [
    "Verdict",
    "assert_equivariant",
    "assert_function_preserved",
    "assert_invariant",
    "check",
    "group_elements",
    "weight_spaces",
]
