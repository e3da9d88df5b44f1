"""Property tests for anybody's metanetwork: is it equivariant, and if not, what is the smallest counterexample?"""

from layergen.preservation import assert_function_preserved, assert_widening_preserved
from layergen.testing.checking import assert_equivariant, assert_invariant, check
from layergen.testing.coverage import coverage
from layergen.testing.forms import FORMS, Form, adapted
from layergen.testing.inputs import random_features
from layergen.testing.reach import Coverage
from layergen.testing.rounding import TOLERANCES
from layergen.testing.sensitivity import assert_no_more_symmetric, sensitivity
from layergen.testing.strategies import features
from layergen.testing.verdict import Verdict
from layergen.testing.wider import assert_widening_equivariant, assert_widening_invariant
from layergen.verification import by_emitted_rank
from symmetry.strategies import group_elements, transpositions, weight_spaces

__all__ = [
    "FORMS",
    "TOLERANCES",
    "Coverage",
    "Form",
    "Verdict",
    "adapted",
    "assert_equivariant",
    "assert_function_preserved",
    "assert_invariant",
    "assert_no_more_symmetric",
    "assert_widening_equivariant",
    "assert_widening_invariant",
    "assert_widening_preserved",
    "by_emitted_rank",
    "check",
    "coverage",
    "features",
    "group_elements",
    "random_features",
    "sensitivity",
    "transpositions",
    "weight_spaces",
]
