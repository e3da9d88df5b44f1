"""Random weight spaces with representation indices: direct sums, products, several groups, sets beside them."""

import math

from hypothesis import strategies as st

from symmetry import EquivariantMaps, WeightSpace

__all__ = ["GROUPS", "REPRESENTATIONS", "acted_spaces"]

REPRESENTATIONS = {
    "C1": ["trivial", "standard"],
    "C2": ["regular", "standard", "irrep(1)"],
    "C3": ["regular", "standard"],
    "C4": ["regular", "irrep(1)", "irrep(2)", "quotient(2)", "grid(2)", "trivial"],
    "D3": ["standard", "quotient(0, 1)", "irrep(1, 0)"],
    "D4": ["standard", "irrep(1, 2)", "quotient(None, 2)", "quotient(0, 1)", "grid(2)"],
    "SO(2)": ["standard", "irrep(2)", "irrep(0)"],
    "O(2)": ["standard", "irrep(1, 2)", "irrep(1, 0)"],
    "SO(3)": ["standard", "irrep(1)", "trivial"],
    "O(3)": ["standard", "irrep(0, 1)", "irrep(1, 0)"],
    "octahedral": ["standard", "irrep(2)", "irrep(3)"],
}
GROUPS = list(REPRESENTATIONS)


@st.composite
def acted_spaces(draw, *, max_entries=40, max_dimension=300):
    """Spaces of up to three tensors over up to two representation indices of one or two groups, a set, a free index."""
    names = draw(st.lists(st.sampled_from(GROUPS[::-1]), min_size=1, max_size=2))
    representations = {}
    for number, name in enumerate((names * 2)[:2]):
        terms = draw(st.lists(st.sampled_from(REPRESENTATIONS[name]), min_size=1, max_size=2))
        representations[f"r{number}"] = {"group": name, "representation": " + ".join(terms)}
    words = st.sampled_from(["r0", "r0", "r1", "h", "(r0 h)", "(r0 + r1)", "(r1 + 2)", "2"])
    tensors = draw(st.lists(st.lists(words, min_size=1, max_size=2), min_size=1, max_size=3))
    size = draw(st.integers(1, 4))
    while True:
        used = " ".join(" ".join(tensor) for tensor in tensors)
        space = WeightSpace(
            {f"t{number}": " ".join(tensor) for number, tensor in enumerate(tensors)},
            sets={"h": size} if "h" in used else {},
            representations={name: given for name, given in representations.items() if name in used},
        )
        large = max(tensors, key=lambda tensor: math.prod(space[f"t{tensors.index(tensor)}"].shape))
        if any(math.prod(tensor.shape) > max_entries for tensor in space):
            large.pop()
        elif EquivariantMaps(space).dimension > max_dimension and len(tensors) > 1:
            tensors.remove(large)
        else:
            return space
