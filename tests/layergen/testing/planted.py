"""Defects to plant in emitted layers, by what must be said of them: each is a change to the source.

Those under "nothing" look like defects and are none: other values of the parameters undo them, so the layer reaches the
same maps, and a check that accused one would be wrong.
"""

from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType

import torch
from torch import nn

import layergen
from symmetry import SCALAR, WeightSpace


@dataclass(frozen=True, slots=True)
class Place:
    """The weight spaces that a layer maps between."""

    space: WeightSpace
    target: WeightSpace | None = None
    invariant: bool = False

    @property
    def options(self):
        """What tells the kit's checks which maps are meant."""
        return {"target": self.target, "invariant": self.invariant}


MLP = Place(WeightSpace({"w": "h x", "b": "h", "v": "k h", "c": "k"}, sets={"h": 4, "k": 4}, free={"x": 2}))
SQUARE = Place(WeightSpace({"s": "h h", "b": "h"}, sets={"h": 4}))
HEADS = Place(
    WeightSpace(
        {"qk": "((head dk) + (head dk)) d", "o": "d (head dk)"},
        sets={"d": 3, "head": 3, "dk": {"size": 3, "within": "head"}},
    )
)
KERNEL = Place(WeightSpace({"k": "o i 3 3", "b": "o"}, sets={"o": 2, "i": 2}))
OTHER = Place(MLP.space, WeightSpace({"t": "h y", "u": "k"}, sets={"h": 4, "k": 4}, free={"y": 2}))
FRESH = Place(MLP.space, WeightSpace({"u": "k m"}, sets={"k": 4, "m": 3}))
INVARIANT = Place(SQUARE.space, invariant=True)
PIXELS = Place(WeightSpace({"w": "h p", "b": "h"}, sets={"h": 4}, positional={"p": 3}))

PLACES = {
    "perceptron": MLP,
    "square tensor": SQUARE,
    "heads": HEADS,
    "kernels": KERNEL,
    "another target": OTHER,
    "a target with a set of its own": FRESH,
    "invariant": INVARIANT,
    "positions": PIXELS,
}


@dataclass(frozen=True, slots=True)
class Defect:
    """What is replaced by what in the source of a layer, and a pattern that must be in what is said of it.

    Where coverage is to say it, of the diagrams that are missing or tied, the pattern matches those and no others.
    """

    place: Place
    edits: tuple[str, ...]
    says: str = ""
    channels: tuple[int, int] = (2, 3)
    dtype: torch.dtype = torch.float32
    positional: bool = False

    def layer(self, *channels: int) -> nn.Module:
        """The layer with the defect, its biases not zero."""
        torch.manual_seed(0)
        made = planted(self.place, self.edits)(*(channels or self.channels), dtype=self.dtype)
        nn.init.normal_(made.bias)
        return made


@lru_cache(maxsize=16)
def source_of(place: Place) -> str:
    return layergen.generate(place.space, "Layer", target=SCALAR if place.invariant else place.target)


def planted(place: Place, edits: tuple[str, ...]) -> type[nn.Module]:
    """The emitted class after the edits `(old, new, old, new, …)`. An edit that finds nothing to change fails."""
    source = source_of(place)
    for old, new in zip(edits[::2], edits[1::2], strict=True):
        assert old in source, f"there is no {old!r} any more in\n{source}"
        source = source.replace(old, new, 1)
    module = ModuleType("planted")
    exec(compile(source, "<planted>", "exec"), module.__dict__)
    return module.Layer


B_IN, B_OUT, C_OUT, QK_OUT = 'b = x["b"]', '"b": to_b_h', '"c": to_c__k', '"qk": torch.cat(['
W_IN, BIAS, V_PRODUCT, DIAGONAL = (
    'w = x["w"].flatten(2)',
    "self.mix.t(), self.bias)",
    "_product(v,",
    "_diagonal(s, [(1, 2)])",
)
RAMP, FIRST_H, FIRST_M = "torch.arange(h).to(w)[:, None]", *(f"(torch.arange({i}) == 0).to(b)[:, None]" for i in "hm")
UNPOOLED = ("_mean(v, 1, k), w, b", "0 * v.sum(1), w, b")
UNSPREAD = ("mixed_k_h = _add(mixed_k_h, h_to_k_h.unsqueeze(1))", "pass")
MEAN_X = (W_IN, 'w = x["w"].mean(2, keepdim=True).expand(-1, -1, 2, -1).flatten(2)')
IGNORED, SILENCED = (B_IN, 'b = 0 * x["b"]'), (C_OUT, '"c": 0 * to_c__k')
ROW_MEANS, COLUMN_MEANS = (f"[..., from_s_h_h_prime], {axis}, h)" for axis in (2, 1))
KERNEL_PRODUCT, EYE = "_product(k, self.mix_o_i)", "torch.eye(9).to(k)"
TIED_Y = ('"t": mixed_h.unflatten(-1, (2, c))', '"t": mixed_h[..., None, :c].expand(-1, -1, 2, -1)')
ONE_PIXEL = ("_mean(w, 2, p)", "w[:, :, 0]")
NEXT_PIXEL = ("_product(w, self.mix_h_p)", "_product(w.roll(1, 2), self.mix_h_p)")

DEFECTS = {
    "not equivariant": {
        "a mean over the wrong axis": Defect(MLP, ("_mean(v, 1, k), w", "_mean(v, 2, k), w"), "'h'.*'w'"),
        "a maximum over the wrong axis": Defect(MLP, ("_mean(v, 2, h)", "v.amax(1)"), "'h'.*'v'"),
        "a matrix read transposed": Defect(MLP, ('v = x["v"]', 'v = x["v"].transpose(1, 2)'), "'h'.*'w'"),
        "two outputs exchanged": Defect(MLP, (B_OUT, '"b": to_c__k', C_OUT, '"c": to_b_h'), "'h'.*'b'"),
        "a bias that grows along a set": Defect(MLP, (B_OUT, f"{B_OUT} + self.bias[:c] * {RAMP}"), "'h'.*'b'"),
        "hidden neurons told apart": Defect(MLP, (B_IN, f"{B_IN} + 0.1 * {RAMP}"), "'h'"),
        "an entry cut off and zero put in": Defect(
            MLP, (B_IN, 'b = nn.functional.pad(x["b"][:, 1:], (0, 0, 1, 0))'), "'h'"
        ),
        "a mean without its first entry": Defect(
            MLP, ("_mean(pools_k, 1, k)", "_mean(pools_k[:, 1:], 1, k)"), "0 and 1 of 'k'"
        ),
        "rolled along a set": Defect(MLP, (V_PRODUCT, "_product(v.roll(1, 1),"), "'k'.*'v'"),
        "reversed along a set": Defect(MLP, (V_PRODUCT, "_product(v.flip(2),"), "'h'.*'v'"),
        "cumulative sums along a set": Defect(MLP, (V_PRODUCT, "_product(v.cumsum(1),"), "'k'.*'v'"),
        "sorted along a set": Defect(MLP, (V_PRODUCT, "_product(v.sort(1)[0],"), "'k'.*'v'"),
        "one part in 10⁴ for one neuron": Defect(
            MLP, (B_OUT, f"{B_OUT} * (1 + 1e-4 * {FIRST_H})"), "0 and 1 of 'h'.*'b'"
        ),
        "one part in 10⁹ for one neuron": Defect(
            MLP, (B_OUT, f"{B_OUT} * (1 + 1e-9 * {FIRST_H})"), "0 and 1 of 'h'.*'b'", dtype=torch.float64
        ),
        "the wrong diagonal": Defect(SQUARE, ("_diagonal(s, [(", "_diagonal(s.roll(1, 2), [("), "'h'"),
        "added beside the diagonal": Defect(
            SQUARE, ("to_s_diagonal_h, [(1, 2)])", "to_s_diagonal_h, [(1, 2)]).roll(1, 1)"), "'h'.*'s'"
        ),
        "a piece split one entry late": Defect(HEADS, ('x["qk"].split', 'x["qk"].roll(1, 1).split'), "'head'.*'qk'"),
        "heads and their units exchanged": Defect(
            HEADS, ('x["o"].unflatten(2, (head, dk))', 'x["o"].unflatten(2, (dk, head)).transpose(2, 3)'), "'head'"
        ),
        "a mean over heads instead of units": Defect(
            HEADS, ("_mean(pools_head_dk_d, 2, dk)", "_mean(pools_head_dk_d, 1, head)"), "'head'"
        ),
        "the first head for the mean": Defect(
            HEADS, ("_mean(pools_head_d, 1, head)", "pools_head_d[:, 0]"), "0 and 1 of 'head'"
        ),
        "pieces interleaved, not joined": Defect(
            HEADS, (QK_OUT, '"qk": torch.stack([', "], dim=1),", "], dim=2).flatten(1, 2),"), "'head'.*'qk'"
        ),
        "input and output channels confused": Defect(KERNEL, ("_mean(k, 2, i)", "_mean(k, 1, o)"), "'o'"),
        "repeated for the first only": Defect(
            FRESH, (".expand(batch, k, m, -1)", f".expand(batch, k, m, -1) * {FIRST_M}"), "'m'.*'u'"
        ),
        "the first position for the mean": Defect(PIXELS, ONE_PIXEL, "0 and 1 of 'p'", positional=True),
        "the neighbouring position": Defect(PIXELS, NEXT_PIXEL, "'p'.*'w'", positional=True),
        "a set taken for positions": Defect(PIXELS, ("_mean(w, 1, h)", "w[:, 0]"), "0 and 1 of 'h'"),
    },
    "not invariant": {
        "the upper triangle for the whole": Defect(
            INVARIANT,
            ("_mean(s, (1, 2)", "_mean(s * torch.ones(h, h).triu()[..., None].to(s), (1, 2)"),
            "0 and 1 of 'h'",
        ),
        "the first entry for the mean": Defect(INVARIANT, ("_mean(b, 1, h)", "b[:, 0]"), "0 and 1 of 'h'"),
    },
    "stray": {
        "one position read": Defect(PIXELS, ONE_PIXEL, "<- w"),
        "another position read": Defect(PIXELS, NEXT_PIXEL, "w <- w"),
        "one part in 10⁶ for one neuron": Defect(MLP, (B_OUT, f"{B_OUT} * (1 + 1e-6 * {FIRST_H})"), "b <-"),
    },
    "missing": {
        "a pool dropped": Defect(MLP, UNPOOLED, r"^(w\[h .\]|b\[h\]) <- v\[k h\]$|^v\[k h\] <- v\[k' h\]$"),
        "a spread dropped": Defect(MLP, UNSPREAD, r"^v\[k h\] <- (w\[h .\]|b\[h\]|v\[k' h\])$"),
        "an addition dropped": Defect(
            MLP,
            ("mixed_k = _add(mixed_k, to_k.unsqueeze(1))", "pass"),
            r"^v\[k h\] <- ([wb]\[h'|v\[k' h'|c\[k'|i)|^c\[k\] <- (w|b|.\[k'|i)",
        ),
        "the biases dropped": Defect(MLP, (BIAS, "self.mix.t(), 0 * self.bias)"), r"<- invariant\[\]$"),
        "an input ignored": Defect(MLP, IGNORED, r"<- b\["),
        "an output held at zero": Defect(MLP, SILENCED, r"^c\[k\] <- "),
        "the transpose forgotten": Defect(SQUARE, ("s.permute(0, 2, 1, 3)", "s"), r"^s\[h h'\] <- s\[h' h\]$"),
        "added to the row for the diagonal": Defect(
            SQUARE,
            ("_add_on_diagonal(mixed_h_h, to_s_diagonal_h, [(1, 2)])", "mixed_h_h + to_s_diagonal_h[:, :, None]"),
            r"^s\[h h\] <- ",
        ),
        "column means twice": Defect(
            SQUARE, (ROW_MEANS, COLUMN_MEANS), r"^(s\[h h\]|b\[h\]) <- s\[h h'\]$|^s\[h h'\] <- s\[h'? h''\]$"
        ),
        "one piece read twice": Defect(
            HEADS, ("qk_p1 = qk_p1.unflatten", "qk_p1 = qk_p0.reshape(qk_p1.shape).unflatten"), r"<- qk#1\["
        ),
        "kernel positions apart": Defect(
            KERNEL,
            (KERNEL_PRODUCT, f"_product(k, self.mix_o_i * {EYE}.kron(torch.ones(n, c).to(k)))"),
            r"^k\[o i (. .)\] <- k\[o i (?!\1)",
        ),
        "the diagonal forgotten": Defect(INVARIANT, (DIAGONAL, f"0 * {DIAGONAL}"), r"<- s\[h h\]$"),
    },
    "tied": {
        "one weight for two pools": Defect(
            MLP,
            ("_product(pools_h,", "_product(pools_h + torch.cat([b, 0 * w, v.sum(1) / k], dim=-1),"),
            r"^(w\[h .\]|b\[h\]) <- (b\[h\]|v\[k h\])$|^v\[k h\] <- (b\[h\]|v\[k' h\])$",
        ),
        "one weight for two outputs": Defect(
            MLP, ('"w": to_w_h', '"w": torch.cat([to_w_h[..., :c], to_b_h], dim=-1)'), r"^(b\[h\]|w\[h 1\]) <- "
        ),
        "one bias for all": Defect(MLP, (BIAS, "self.mix.t(), self.bias[:c].repeat(5))"), r"<- invariant\[\]$"),
        "a bias that is a weight": Defect(
            MLP, (BIAS, "self.mix.t(), self.mix[0])"), r"<- (w\[h' 0|invariant)|^c\[k\] <- w\[h 0"
        ),
        "a free axis averaged": Defect(MLP, MEAN_X, r"<- w\["),
        "a free axis centred": Defect(MLP, (W_IN, 'w = (x["w"] - x["w"].mean(2, keepdim=True)).flatten(2)'), r"<- w\["),
        "a matrix and its transpose by one weight": Defect(
            SQUARE,
            ("_product(pools_h_h,", "_product(pools_h_h + pools_h_h.roll(n, -1),"),
            r"^s\[h h'\] <- s\[(h h'|h' h)\]$",
        ),
        "one weight for all kernel positions": Defect(
            KERNEL,
            (KERNEL_PRODUCT, f"_product(k, {EYE}.kron(self.mix_o_i[:n, :c].contiguous()))"),
            r"^k\[o i (. .)\] <- k\[o i \1\]$",
        ),
        "one weight for two values of the target": Defect(OTHER, TIED_Y, r"^t\["),
    },
    "more symmetric": {
        "a free axis averaged, too symmetric": Defect(MLP, MEAN_X, "invariant to permuting the free index 'x'"),
        "an input ignored, too symmetric": Defect(MLP, IGNORED, "no output depends on 'b'"),
        "an output held at zero, too symmetric": Defect(MLP, SILENCED, "the output 'c' is zero"),
        "a shared set not shared": Defect(
            MLP, (*UNPOOLED, *UNSPREAD), r"permuting axis 'h' \(position 1\) of 'v' by itself"
        ),
        "units that forget their heads": Defect(
            HEADS,
            (
                "pools_head_d = _mean(pools_head_dk_d, 2, dk)",
                "pools_head_d = (pools_head_dk_d.sum((1, 2)) / (head * dk))[:, None].expand(-1, head, -1, -1)",
                "pools_head = torch.cat([",
                "pools_head = 0 * torch.cat([",
            ),
            "an element of 'dk' in one 'head' for one in another",
        ),
        "a kernel averaged over its rows": Defect(
            KERNEL,
            ('x["k"].flatten(3)', 'x["k"].mean(3, keepdim=True).expand(x["k"].shape).flatten(3)'),
            r"permuting an axis of 3 \(position 2\) of 'k' by itself",
        ),
        "one value of the target for both": Defect(
            OTHER, TIED_Y, "outputs are always invariant to permuting the free index 'y'"
        ),
        "the total for the diagonal": Defect(
            INVARIANT,
            (f"_mean({DIAGONAL}, 1, h)", "s.sum((1, 2)) / h"),
            r"permuting axis 'h' \(position 0\) of 's' by itself",
        ),
    },
    "nonlinear": {
        "a tanh left in": Defect(MLP, ("pools_h, self.mix_h)", "pools_h, self.mix_h).tanh()")),
        "a free axis normalised": Defect(
            MLP, (W_IN, 'w = nn.functional.layer_norm(x["w"], x["w"].shape[2:]).flatten(2)')
        ),
        "a ReLU left in": Defect(MLP, ("v, self.mix_k_h)", "v, self.mix_k_h).relu()")),
        "a maximum for a mean": Defect(MLP, ("_mean(v, 2, h)", "v.amax(2)")),
        "an input rounded to bfloat16": Defect(MLP, (B_IN, 'b = x["b"].bfloat16().to(w)')),
    },
    "redundancy": {
        "an output detached": Defect(MLP, (B_OUT, '"b": to_b_h.detach()'), "^-9$"),
        "column means by two weights": Defect(SQUARE, (ROW_MEANS, COLUMN_MEANS), "^4$"),
    },
    "changes its input": {"an input changed in place": Defect(MLP, (B_IN, 'b = x["b"].mul_(2)'), "'b'")},
    "changes its state": {
        "a parameter changed": Defect(MLP, (BIAS, "self.mix.t(), self.bias.data.add_(1))"), "'bias'"),
    },
    "not deterministic": {
        "noise": Defect(MLP, (B_OUT, '"b": to_b_h + 1e-6 * torch.randn_like(to_b_h)'), "'b'"),
        "dropout left on": Defect(MLP, (B_OUT, '"b": nn.functional.dropout(to_b_h)'), "dropout"),
    },
    "depends on the batch": {
        "the mean of the batch subtracted": Defect(MLP, (B_IN, 'b = x["b"] - x["b"].mean(0)'), "'w'"),
    },
    "not finite": {"divided by zero": Defect(MLP, ("_mean(v, 2, h)", "v.sum(2) / (h - 4)"))},
    "wrong shape": {
        "an entry lost": Defect(MLP, (C_OUT, '"c": to_c__k[:, 1:]'), "'c'"),
        "an axis merged": Defect(MLP, ('"v": mixed_k_h', '"v": mixed_k_h.flatten(1, 2)'), "'v'"),
    },
    "wrong output": {"an output forgotten": Defect(MLP, ('"c": to_c__k,', ""), "not features of")},
    "nothing": {
        "a sum for a mean": Defect(MLP, ("_mean(v, 2, h)", "v.sum(2)")),
        "free values in another order": Defect(MLP, (W_IN, 'w = x["w"].flip(2).flatten(2)')),
        "a set centred where its mean has a weight": Defect(MLP, (V_PRODUCT, "_product(v - v.mean(1, keepdim=True),")),
        "a matrix of weights transposed": Defect(MLP, ("self.mix_h)", "self.mix_h.t())"), channels=(2, 2)),
        "row means without the diagonal": Defect(SQUARE, (ROW_MEANS, f"{ROW_MEANS} - s_diagonal_h")),
        "pieces exchanged on the way in": Defect(HEADS, ("qk_p0, qk_p1 = x", "qk_p1, qk_p0 = x")),
        "a kernel transposed at the end": Defect(KERNEL, ("(3, 3, c))", "(3, 3, c)).transpose(3, 4)")),
    },
}
