"""Mistakes planted in the specifications of six networks are caught and named; what is none is not accused.

An edit such as `{"norm.*": "c -> k"}` puts `k` for `c` in the axes of the tensors that the pattern matches and declares
`k` as `c` is (nested only where the parent is named beside it); `None` leaves the tensors out.
"""

import math
import re
from fnmatch import filter as matching
from functools import cache

import pytest
import torch
import torch.nn.functional as F
from torch import cat, einsum, nn, randn

from layergen.testing import assert_function_preserved
from layergen.tracing.copying import in_general_position
from symmetry import WeightSpace
from tests.generated.mistakes import TOKEN, declared_axes, declared_sections, size_of


class Network(nn.Module):
    """Parts by name, and a function of them and the input; without one they are layers that follow each other."""

    def __init__(self, function=None, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.function(self, x) if self.function else nn.Sequential(*self.children())(x)


def residual():
    """Six blocks of convolutions beside an identity, once beside a projection."""
    made, sets = Network(stem=nn.Conv2d(3, 4, 3), norm=nn.BatchNorm2d(4), slopes=nn.PReLU(4)), {"s": 4, "t": 5}
    lines = "stem.weight: s 3 3 3; stem.bias norm.* slopes.*: s; out.weight: 2 (t 16); out.bias: 2"
    for i, (s, t) in enumerate(["ss", "ss", "ss", "st", "tt", "tt"]):
        block = Network(lambda m, x: (m.norm2(m.conv2(m.norm1(m.conv1(x)).relu())) + m.short(x)).relu())
        block.conv1, block.norm1 = nn.Conv2d(sets[s], 4, 3, padding=1), nn.BatchNorm2d(4)
        block.conv2, block.norm2 = nn.Conv2d(4, sets[t], 3, padding=1), nn.BatchNorm2d(sets[t])
        block.short = nn.Identity() if s == t else nn.Conv2d(4, 5, 1)
        made.add_module(f"block{i}", block)
        lines += f"; block{i}.*1.*: m{i}; block{i}.*2.* block{i}.short.bias: {t}; block{i}.short.weight: {t} {s} 1 1"
        lines += f"; block{i}.conv1.weight: m{i} {s} 3 3; block{i}.conv2.weight: {t} m{i} 3 3"
        sets[f"m{i}"] = 4
    made.flat, made.out = nn.Flatten(), nn.Linear(80, 2)
    return made, randn(2, 3, 6, 6), lines, sets


def recurrent():
    parts = {"r": nn.LSTM(3, 4, bidirectional=True), "out": nn.Linear(8, 2)}
    lines = "r.*_ih_l?: (4 h) 3; r.*_hh_l?: (4 h) h; r.bias*: (4 h); out.weight: 2 (h + j); out.bias: 2"
    lines += "; r.*_ih_*reverse: (4 j) 3; r.*_hh_*reverse: (4 j) j; r.bias*reverse: (4 j)"
    return Network(lambda m, x: m.out(m.r(x)[0]), **parts), randn(5, 2, 3), lines, {"h": 4, "j": 4}


def encoder():
    """Six layers, with a class token before the inputs."""
    made = Network(lambda m, x: m.out(m.layers(cat([m.token.expand(len(x), 1, 6), m.lift(x)], 1))[:, 0]))
    made.lift, made.token, made.out = nn.Linear(3, 6), nn.Parameter(randn(1, 1, 6)), nn.Linear(6, 2)
    made.layers = nn.Sequential(*(nn.TransformerEncoderLayer(6, 2, 5, batch_first=True) for _ in range(6)))
    lines, sets = "lift.weight: d 3; lift.bias layers.*: d; token: 1 1 d; out.weight: 2 d; out.bias: 2", {"d": 6}
    for i in range(6):
        sets |= {f"head{i}": 2, f"dk{i}": (3, f"head{i}"), f"dv{i}": (3, f"head{i}"), f"ff{i}": 5}
        qkv, at = f"((head{i} dk{i}) + (head{i} dk{i}) + (head{i} dv{i}))", f"layers.{i}"
        lines += f"; {at}.*in_proj_bias: {qkv}; {at}.*in_proj_weight: {qkv} d; {at}.*out_proj.weight: d (head{i} dv{i})"
        lines += f"; {at}.linear1.weight: ff{i} d; {at}.linear1.bias: ff{i}; {at}.linear2.weight: d ff{i}"
    return made, randn(2, 4, 3), lines, sets


def language():
    """Three queries to each of two keys, rotary and learned positions, SwiGLU, a readout tied to the embedding."""

    def logits(m, ids):
        x = m.tokens(ids) + m.positions
        q, (k, v) = m.q(m.norm(x)).unflatten(-1, (2, 3, 4)), m.kv(m.norm(x)).unflatten(-1, (2, 2, 4)).unbind(2)
        q, k = (torch.view_as_complex(one.unflatten(-1, (2, 2))) for one in (q, k))
        turns = torch.polar(torch.ones(5, 2), torch.arange(5)[:, None] * torch.tensor([1.0, 0.3])).to(q)
        scores = einsum("bthgk,tk,bshk,sk->bhgts", q, turns, k.conj(), turns.conj()).real
        x = x + m.o(einsum("bhgts,bshv->bthgv", scores.softmax(-1), v).flatten(2))
        return m.head(x + m.down(F.silu(m.gate(x)) * m.up(x)))

    widths = {"q": (6, 24), "kv": (6, 16), "o": (24, 6), "gate": (6, 5), "up": (6, 5), "down": (5, 6), "head": (6, 7)}
    made = Network(logits, **{name: nn.Linear(*width, bias=False) for name, width in widths.items()})
    made.tokens, made.positions, made.norm = nn.Embedding(7, 6), nn.Parameter(randn(5, 6)), nn.RMSNorm(6)
    made.head.weight = made.tokens.weight
    lines = "tokens.* head.*: 7 d; positions: 5 d; norm.*: d; q.*: (kv query 4) d; kv.*: ((kv 4) + (kv dv)) d"
    lines += "; o.*: d (kv query dv); gate.* up.*: ff d; down.*: d ff"
    sets = {"d": 6, "kv": 2, "query": (3, "kv"), "dv": (4, "kv"), "ff": 5}
    return made, torch.tensor([[0, 1, 2, 1, 3], [6, 5, 5, 1, 0]]), lines, sets


def unet():
    """Down and up once, with squeeze and excitation of what the skip carries."""

    def pixels(m, x):
        skip = m.first(x).tanh()
        skip = skip * m.excite(m.squeeze(skip.mean((2, 3))).tanh()).sigmoid()[..., None, None]
        return m.out(m.merge(cat([m.up(m.norm(m.below(F.max_pool2d(skip, 2))).tanh()), skip], 1)).tanh())

    parts = {"first": nn.Conv2d(3, 4, 3), "below": nn.Conv2d(4, 4, 1), "norm": nn.InstanceNorm2d(4, affine=True)}
    parts |= {"squeeze": nn.Linear(4, 3), "excite": nn.Linear(3, 4), "up": nn.ConvTranspose2d(4, 4, 2, 2)}
    lines = "first.weight: c 3 3 3; *.bias: c; below.weight: e c 1 1; below.bias norm.*: e; squeeze.bias: s"
    lines += "; squeeze.weight: s c; excite.weight: c s; up.weight: e u 2 2; up.bias: u; merge.bias: f; out.bias: 2"
    lines += "; merge.weight: f (u + c) 3 3; out.weight: 2 f 1 1"
    made = Network(pixels, **parts, merge=nn.Conv2d(8, 5, 3), out=nn.Conv2d(5, 2, 1))
    return made, randn(2, 3, 10, 10), lines, {"c": 4, "e": 4, "s": 3, "u": 4, "f": 5}


def grouped():
    first = {"conv": nn.Conv2d(3, 6, 3), "depth": nn.Conv2d(6, 6, 3, groups=6), "norm": nn.GroupNorm(3, 6)}
    second = {"point": nn.Conv2d(6, 4, 1), "tanh": nn.Tanh(), "split": nn.Conv2d(4, 8, 1, groups=2)}
    lines = "conv.weight: (n c) 3 3 3; conv.bias depth.bias norm.*: (n c); depth.weight: (n c) 1 3 3; split.bias: (g o)"
    lines += "; point.weight: (g i) (n c) 1 1; point.bias: (g i); split.weight: (g o) i 1 1; out.weight: 2 (g o 4)"
    sets = {"n": 3, "c": (2, "n"), "g": 2, "i": (2, "g"), "o": (4, "g")}
    made = Network(**first, **second, flat=nn.Flatten(), out=nn.Linear(32, 2, bias=False))
    return made, randn(2, 3, 6, 6), lines, sets


NETWORKS = {made.__name__: made for made in (residual, recurrent, encoder, language, unet, grouped)}


@cache
def right(network):
    """A module in general position, an input, and the specification of all its tensors; the last pattern counts."""
    torch.manual_seed(0)
    module, inputs, lines, sets = NETWORKS[network]()
    names = [name for name in module.state_dict() if not name.endswith("num_batches_tracked")]
    pairs = [line.split(": ") for line in lines.split("; ")]
    axes = {name: axes for patterns, axes in pairs for one in patterns.split() for name in matching(names, one)}
    assert set(axes) == set(names)
    sets |= {name: {"size": one[0], "within": one[1]} for name, one in sets.items() if isinstance(one, tuple)}
    return in_general_position(module), inputs, WeightSpace(axes, sets=sets)


def edited(space, edits):
    """The specification after some edits, each of which must change something."""
    axes, sets = declared_axes(space), declared_sections(space)["sets"]
    parents = {index.name: index.parent for index in space.indices}
    for pattern, edit in edits.items():
        names = matching(list(axes), pattern)
        if edit is None:
            axes = {name: axes[name] for name in axes if name not in names}
            continue
        old, new = edit.split(" -> ")
        changed = {name: re.sub(rf"(?<!\w){re.escape(old)}(?!\w)", new, axes[name]) for name in names}
        assert any(axes[name] != text for name, text in changed.items()), f"{edit!r} changes nothing"
        axes |= changed
        before, after = TOKEN.findall(old), TOKEN.findall(new)
        for place, word in enumerate(after):
            stood = [before[place]] if len(before) == len(after) else before
            size, parent = math.prod(size_of(space, one) for one in stood), parents.get(stood[-1])
            sets.setdefault(word, {"size": size, "within": parent} if parent in after else size)
    used = TOKEN.findall(" ".join(axes.values()))
    return WeightSpace(axes, sets={name: sets[name] for name in sets if name in used and not name.isdigit()})


UNGROUPED = {"point.*": "(g i) -> 4", "split.weight": "(g o) i -> k 2", "out.*": "(g o 4) -> (k 4)"}
# What is wrong: the network, the set that must be named, the edits.
MISTAKES = {
    "a norm's weight off its set": ("residual", "s", {"norm.weight": "s -> k"}),
    "a norm's bias off its set": ("residual", "m2", {"block2.norm1.bias": "m2 -> k"}),
    "a running mean off its set": ("residual", "t", {"block4.norm2.running_mean": "t -> k"}),
    "a running variance off its set": ("residual", "s", {"norm.running_var": "s -> k"}),
    "an activation's slopes off their set": ("residual", "s", {"slopes.*": "s -> k"}),
    "a bias on a set of its own": ("residual", "m0", {"block0.conv1.bias": "m0 -> k"}),
    "a bias left out": ("residual", "s", {"stem.bias": None}),
    "pixels before channels in flatten": ("residual", "t", {"out.*": "(t 16) -> (16 t)"}),
    "colours permuted": ("residual", "k", {"stem.weight": "s 3 -> s k"}),
    "classes permuted": ("residual", "k", {"out.*": "2 -> k"}),
    "rows of a kernel permuted": ("residual", "k", {"block5.conv2.weight": "m5 3 -> m5 k"}),
    "rows and columns of a kernel permuted alike": ("residual", "k", {"block3.conv1.weight": "3 3 -> k k"}),
    "input and output channels exchanged": ("residual", "s", {"block1.conv1.weight": "m1 s -> s m1"}),
    "a stream split behind a block": ("residual", "s", {"block1.*2.*": "s -> k"}),
    "a projection off the stream": ("residual", "t", {"block3.short.*": "t -> k"}),
    "a typo in one of 83 lines": ("residual", "m3", {"block4.norm1.running_var": "m4 -> m3"}),
    "gates a set": ("recurrent", "gate", {"*": "(4 h) -> (gate h)"}),
    "units before gates": ("recurrent", "h", {"*": "(4 h) -> (h 4)"}),
    "one of two biases on a set of its own": ("recurrent", "h", {"r.bias_hh_l0": "h -> k"}),
    "a state read off its set": ("recurrent", "h", {"r.weight_hh_l0": "(4 h) h -> (4 h) k"}),
    "directions in the wrong order": ("recurrent", "h", {"out.*": "(h + j) -> (j + h)"}),
    "units before heads": ("encoder", "head3", {"*.3.*out_proj.*": "(head3 dv3) -> (dv3 head3)"}),
    "queries and keys of two sets of units": ("encoder", "dk2", {"*.2.*": "((head2 dk2) -> ((head2 k)"}),
    "values and the output of two sets of units": ("encoder", "dv5", {"*.5.*out_proj.*": "(head5 dv5) -> (head5 k)"}),
    "values before keys": ("encoder", "dk0", {"*.0.*in_proj*": "dk0) + (head0 dv0) -> dv0) + (head0 dk0)"}),
    "values one flat set": ("encoder", "k", {"*.1.s*": "(head1 dv1) -> k", "*.1.*in_*": "(head1 dk1) -> 6"}),
    "queries one flat set": ("encoder", "k", {"*.1.s*": "(head1 dk1) -> k", "*.1.*_proj*": "(head1 dv1) -> 6"}),
    "a stream split in two": ("encoder", "d", {"layers.[345].*": "d -> k", "out.*": "d -> k"}),
    "a norm off the stream": ("encoder", "d", {"layers.2.norm1.bias": "d -> k"}),
    "a class token off the stream": ("encoder", "d", {"token": "d -> k"}),
    "a typo in one of 77 lines": ("encoder", "ff3", {"layers.4.linear1.bias": "ff4 -> ff3"}),
    "keys and values in the wrong order": ("language", "dv", {"kv.*": "((kv 4) + (kv dv)) -> ((kv dv) + (kv 4))"}),
    "queries before the keys that they share": ("language", "kv", {"q.*": "(kv query 4) -> (query kv 4)"}),
    "rotated units a set": ("language", "k", {"q.*": "(kv query 4) -> (kv query k)", "kv.*": "(kv 4) -> (kv k)"}),
    "a gate and what it scales of two sets": ("language", "ff", {"gate.*": "ff -> k"}),
    "tied weights of two sets": ("language", "d", {"head.*": "d -> k"}),
    "words permuted in the embedding": ("language", "v", {"tokens.*": "7 -> v"}),
    "words permuted in the readout": ("language", "v", {"head.*": "7 -> v"}),
    "positions permuted": ("language", "k", {"positions": "5 -> k"}),
    "a skip before what it is joined to": ("unet", "c", {"merge.*": "(u + c) -> (c + u)"}),
    "a skip off its set": ("unet", "c", {"merge.*": "(u + c) -> (u + k)"}),
    "a transposed convolution's axes exchanged": ("unet", "e", {"up.*": "e u -> u e"}),
    "a gate off the channels that it scales": ("unet", "c", {"excite.*": "c -> k"}),
    "group norm's groups ignored": ("grouped", "k", {"*": "(n c) -> k"}),
    "depthwise channels off their set": ("grouped", "n", {"depth.*": "(n c) -> k"}),
    "units before groups": ("grouped", "g", {"point.*": "(g i) -> (i g)"}),
    "a grouped convolution's groups ignored": ("grouped", "k", {"split.bias": "(g o) -> k", **UNGROUPED}),
}

# What is not: the network and the edits. Some declare less; some permute what has no effect.
SOUND = {f"{network}, as it is": (network, {}) for network in NETWORKS} | {
    "a set frozen": ("residual", {"*": "m3 -> 4"}),
    "two sets one": ("residual", {"block1.*": "m1 -> s"}),
    "a tensor without sets left out": ("residual", {"out.bias": None}),
    "both directions' units one set": ("recurrent", {"*": "j -> h"}),
    "one permutation of units for all heads": ("encoder", {"layers.1.*": "dv1 -> k"}),
    "heads without units": ("encoder", {"layers.2.*": "dk2 -> 3"}),
    "a key's bias, unseen by softmax": ("encoder", {"*.0.*in_proj_bias": "+ (head0 dk0) -> + (head0 k)"}),
    "tied weights declared once": ("language", {"head.*": None}),
    "a bias before an instance norm": ("unet", {"below.bias": "e -> k"}),
    "groups without units": ("grouped", {"*": "c -> 2"}),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_caught_and_named(name):
    network, says, edits = MISTAKES[name]
    module, inputs, space = right(network)
    with pytest.raises(AssertionError, match="the function is not preserved") as caught:
        assert_function_preserved(module, edited(space, edits), [inputs])
    assert re.findall(r"'(\w+)'", str(caught.value)) == [says]


@pytest.mark.parametrize("name", SOUND)
def test_what_is_no_mistake_is_not_accused(name):
    network, edits = SOUND[name]
    module, inputs, space = right(network)
    assert_function_preserved(module, edited(space, edits), [inputs])


def test_fresh_norms_hide_a_mistake():
    """Which is why the networks above are in general position."""
    fresh, inputs, *_ = residual()
    assert_function_preserved(fresh, edited(right("residual")[2], {"norm.weight": "s -> k"}), [inputs])
