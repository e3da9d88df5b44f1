"""Networks that are written at random: operators over hidden axes of one size, few of which tell places apart."""

import torch
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

__all__ = ["PROGRAMS", "Program", "examples"]

N = 4
"""The size of every hidden axis, of the example's length and of its batch: nothing is told apart by its size."""


def two(change):
    """Two values stacked, something done along the stack, one of them read."""
    return lambda a, b: change(torch.stack([a, b], 1))[:, 1]


def heads(change):
    """Two heads of two units, and something done to them."""
    return lambda a, *_: change(a.unflatten(-1, (2, 2))).flatten(-2)


def attention(a, b, c):
    return functional.scaled_dot_product_attention(a, b, c)


def sloped(h):
    """Heads attend, each with a slope of its own along the distance."""
    h, places = h.transpose(-3, -2), torch.arange(h.shape[-3])
    slopes = torch.tensor([0.5, 0.25])[:, None, None] * (places - places[:, None])
    return ((h @ h.mT + slopes).softmax(-1) @ h).transpose(-3, -2)


def lstm(a, weights):
    state = a[None, :, 0]
    return torch.lstm(a, (state * 0, state), weights, False, 1, 0.0, False, False, True)[0]


def experts(a, m, n, k, gate):
    """Two layers of stacked experts, and the weight of each."""
    up, down = m[:, None, :] * n[None], m[:, :, None] * k[None]  # (expert, in, unit), (expert, unit, out)
    hidden = functional.softsign(torch.einsum("bti,eiu->bteu", a, up))
    return torch.einsum("bteu,euo,bte->bto", hidden, down, gate)


def shuffled(a):
    return functional.channel_shuffle(a, 2)


def gate(a, v, w):
    return functional.linear(a.mean(-1, keepdim=True), v[:, None], w)


def scattered(gate):
    values, places = gate.topk(2, -1)
    return torch.zeros_like(gate).scatter(-1, places, values.softmax(-1))


def in_one_hot(gate):
    values, places = gate.topk(2, -1)
    return (functional.one_hot(places, N) * values[..., None]).sum(-2)


def the_largest(gate):
    return functional.one_hot(gate.argmax(-1), N) * gate


def mapped(a, m, n, k, change, end):
    """`vmap` over two experts, in which something is done to the units, and something to the experts at the end."""
    return end(torch.vmap(lambda up, down: change(a @ up) @ down)(torch.stack([m, n]), torch.stack([n, k])))


# a, b: activations (batch, length, N); c, d: relations (batch, N, N); m, n, k: matrices (N, N); v, w: vectors (N).
EVEN = {
    "a": [
        lambda a, b, c, d, m, n, k, v, w: a @ m,
        lambda a, b, c, d, m, n, k, v, w: a @ m.T,
        lambda a, b, c, d, m, n, k, v, w: functional.linear(a, m, v),
        lambda a, b, c, d, m, n, k, v, w: a * v + w,
        lambda a, b, c, d, m, n, k, v, w: a + b,
        lambda a, b, c, d, m, n, k, v, w: a @ m * (b @ n),
        lambda a, b, c, d, m, n, k, v, w: a @ c,
        lambda a, b, c, d, m, n, k, v, w: torch.cat([a, b], -1) @ torch.cat([m, n]),
        lambda a, b, c, d, m, n, k, v, w: torch.stack([a, b], -2).flatten(-2) @ torch.cat([m, n]),
        lambda a, b, c, d, m, n, k, v, w: functional.linear(a, torch.cat([m, n])).chunk(2, -1)[0] * v,
        lambda a, b, c, d, m, n, k, v, w: functional.glu(torch.cat([a @ m, a @ n], -1)),
        lambda a, b, c, d, m, n, k, v, w: functional.layer_norm(a, (N,), v, w),
        lambda a, b, c, d, m, n, k, v, w: a.softmax(-1) + b.mean(-1, keepdim=True),
        lambda a, b, c, d, m, n, k, v, w: a * a.amax(1, keepdim=True),
        lambda a, b, c, d, m, n, k, v, w: attention(a, b, a + b),
        lambda a, b, c, d, m, n, k, v, w: attention(a @ m, b @ n, b @ k),
        lambda a, b, c, d, m, n, k, v, w: torch.einsum("bti,ij,bsj->bti", a, m, b),
        lambda a, b, c, d, m, n, k, v, w: a + torch.einsum("kij,bti->btj", torch.stack([m, n]), a),
        lambda a, b, c, d, m, n, k, v, w: torch.einsum("sbti,sij->sbtj", torch.stack([a, b]), torch.stack([m, n]))[0],
        lambda a, b, c, d, m, n, k, v, w: torch.stack([a @ m, b @ n]).tanh().unbind(0)[1] + (a @ k).cos(),
        lambda a, b, c, d, m, n, k, v, w: torch.bmm(a, m.expand_as(c)) + torch.bmm(b, c),
        lambda a, b, c, d, m, n, k, v, w: (
            torch.bmm(torch.bmm(a[0].expand(2, -1, -1), torch.stack([m, n])).tanh(), torch.stack([n, k])).amax(0) + a
        ),
        lambda a, b, c, d, m, n, k, v, w: (
            functional.softsign(a[:, None] @ torch.stack([m, n])) @ torch.stack([k, m.T])
        ).sum(1),
        lambda a, b, c, d, m, n, k, v, w: torch.einsum(
            "bthi,hij->btj",
            functional.softsign(torch.einsum("bti,hij->bthj", a, torch.stack([m, n, k]))),
            torch.stack([n, k, m]),
        ),
        lambda a, b, c, d, m, n, k, v, w: functional.bilinear(a, b, v[:, None, None] * m, w),
        lambda a, b, c, d, m, n, k, v, w: functional.bilinear(a @ m, b, m[:, :, None] * n[:, None]),
        lambda a, b, c, d, m, n, k, v, w: experts(a, m, n, k, gate(a, v, w).softmax(-1)),
        lambda a, b, c, d, m, n, k, v, w: experts(a, m, n, k, scattered(gate(a, v, w))),
        lambda a, b, c, d, m, n, k, v, w: experts(a, m, n, k, in_one_hot(gate(a, v, w))),
        lambda a, b, c, d, m, n, k, v, w: experts(a, m, n, k, the_largest(gate(a, v, w))),
        lambda a, b, c, d, m, n, k, v, w: scattered(a @ m) * b,
        lambda a, b, c, d, m, n, k, v, w: scattered(a.relu()) + the_largest(a + b),
        lambda a, b, c, d, m, n, k, v, w: a.sort(1)[0] + a.argmax(1, keepdim=True) * b,
        lambda a, b, c, d, m, n, k, v, w: mapped(a, m, n, k, functional.softsign, lambda s: s.amax(0)),
        lambda a, b, c, d, m, n, k, v, w: torch.vmap(lambda y: functional.softsign(y @ m) * v)(a),
        lambda a, b, c, d, m, n, k, v, w: torch.vmap(lambda column, y: y @ column, (0, None))(m.T, a).movedim(0, -1),
        lambda a, b, c, d, m, n, k, v, w: torch.vmap(
            lambda row, one, y: (y * row).softmax(-1).amax(-1) * one, (1, 0, None)
        )(m, v, a).movedim(0, -1),
        lambda a, b, c, d, m, n, k, v, w: torch.gru_cell(
            a.flatten(0, 1), (a @ k).flatten(0, 1), torch.cat([m, n, k]), torch.cat([n, k, m])
        ).view(a.shape),
        lambda a, b, c, d, m, n, k, v, w: lstm(a, [torch.cat([m, n, k, m]), torch.cat([k, n, m, n])]),
    ],
    "c": [
        lambda a, b, c, d, m, n, k, v, w: a.mT @ b,
        lambda a, b, c, d, m, n, k, v, w: c.mT,
        lambda a, b, c, d, m, n, k, v, w: c @ m,
        lambda a, b, c, d, m, n, k, v, w: m @ c,
        lambda a, b, c, d, m, n, k, v, w: c.softmax(-1) + n,
        lambda a, b, c, d, m, n, k, v, w: attention(c, d, d),
        lambda a, b, c, d, m, n, k, v, w: attention(c @ m, c @ n, d),
        lambda a, b, c, d, m, n, k, v, w: c * v,
        lambda a, b, c, d, m, n, k, v, w: torch.baddbmm(c, m.expand_as(c), d),
        lambda a, b, c, d, m, n, k, v, w: torch.addbmm(m, c, d).expand_as(c),
        lambda a, b, c, d, m, n, k, v, w: c[:, :, None, :].mul(d[:, None, :, :]).sum(-1),
    ],
    "m": [
        lambda a, b, c, d, m, n, k, v, w: m.T,
        lambda a, b, c, d, m, n, k, v, w: m @ n,
        lambda a, b, c, d, m, n, k, v, w: m * n,
        lambda a, b, c, d, m, n, k, v, w: m * v[:, None] + w,
        lambda a, b, c, d, m, n, k, v, w: m.softmax(0),
        lambda a, b, c, d, m, n, k, v, w: torch.outer(v, w) + m,
        lambda a, b, c, d, m, n, k, v, w: torch.stack([m, n]).amax(0),
        lambda a, b, c, d, m, n, k, v, w: torch.einsum("ij,ij->j", m, n) * m,
        lambda a, b, c, d, m, n, k, v, w: torch.addbmm(m, torch.stack([n, k]), torch.stack([k, n])),
        lambda a, b, c, d, m, n, k, v, w: torch._weight_norm(m, v[:, None], 0),
        lambda a, b, c, d, m, n, k, v, w: functional.normalize(m, dim=1) * w,
        lambda a, b, c, d, m, n, k, v, w: torch.vmap(torch.vmap(lambda x, y: x * y), (0, None))(m, v),
        lambda a, b, c, d, m, n, k, v, w: m.scatter_add(0, n.argmax(0, keepdim=True), k.sum(0, keepdim=True)),
    ],
    "v": [
        lambda a, b, c, d, m, n, k, v, w: m @ v,
        lambda a, b, c, d, m, n, k, v, w: m.sum(0) + v,
        lambda a, b, c, d, m, n, k, v, w: m.amax(1) + v,
        lambda a, b, c, d, m, n, k, v, w: v * w,
        lambda a, b, c, d, m, n, k, v, w: v.softmax(0),
    ],
}
"""What treats the places of a hidden axis alike."""
LAST = {
    "heads against each other": heads(lambda h: h.softmax(-2)),
    "each head by itself": heads(lambda h: h.softmax(-1)),
    "heads turned": heads(lambda h: h.mT),
    "heads attend": heads(lambda h: attention(h, h, h)),
    "a norm of each head": heads(lambda h: functional.layer_norm(h, (2,))),
    "a norm over heads": heads(lambda h: functional.layer_norm(h.mT, (2,)).mT),
    "heads by their sums": heads(lambda h: h * h.sum(-2, keepdim=True)),
    "heads by their units": heads(lambda h: h * h.sum(-1, keepdim=True)),
    "heads in order": heads(lambda h: h.cumsum(-2)),
    "heads with slopes": heads(sloped),
    "heads with scales": heads(lambda h: h * torch.tensor([[1.0], [2.0]])),
    "heads flipped": heads(lambda h: h.flip(-2) + h.tanh()),
    "heads rolled": heads(lambda h: h.roll(1, -2) * h),
    "heads by number": heads(lambda h: h[..., [1, 0], :] * h),
    "heads chosen by their signs": heads(lambda h: h.gather(-2, h.gt(0).long()) + h),
    "heads chosen by the first": heads(lambda h: h.index_select(-2, h.flatten(0, -3)[0, :, 0].gt(0).long()) + h),
    "heads cut": heads(lambda h: h * h[..., 1:, :]),
    "heads cut in two": heads(lambda h: torch.cat([h[..., 1:, :], h[..., :1, :].tanh()], -2)),
    "heads in a triangle": heads(lambda h: h @ h.mT.tril().softmax(-1)),
    "heads shifted": heads(lambda h: functional.pad(h, (0, 0, 1, -1)) + h),
    "channels in groups": lambda a, b: functional.group_norm(a.mT, 2).mT + b,
    "channels shuffled": lambda a, b: shuffled(a.mT).mT * b,
    "channels shuffled and back": lambda a, b: (
        functional.channel_shuffle(functional.channel_shuffle(a.mT, 2).sin(), 2).mT
    ),
    "scattered in order": lambda a, b: b.scatter(-1, torch.tensor([2, 0]).expand(*a.shape[:-1], 2), a[..., :2]),
    "added by number": lambda a, b: b.scatter_add(-1, torch.tensor([2, 0, 0, 1]).expand(a.shape), a),
    "the first of equals": lambda a, b: the_largest(a.round()) + b,
    "numbers of the largest": lambda a, b: b * a.argmax(-1, keepdim=True),
    "numbers moved on": lambda a, b: functional.one_hot((a.argmax(-1) + 1) % N, N) * b,
    "numbers beside an order": lambda a, b: functional.one_hot(a.flip(-1).argmax(-1), N) * b,
    "chosen among what was cut off": lambda a, b: scattered(a.relu().round()) * b,
    "counted in a vmap": lambda a, b: torch.vmap(lambda y: y.cumsum(-1))(a) * b,
    "rows of a vmap in order": lambda a, b: torch.vmap(lambda y: y.tanh(), -1, -1)(a).cumsum(-1) + b,
    "heads sorted": heads(lambda h: h.sort(-2)[0]),
    "one head": heads(lambda h: h * h[..., :1, :]),
    "softmax over two": two(lambda s: s.softmax(1)),
    "cumsum over two": two(lambda s: s.cumsum(1)),
    "two flipped": two(lambda s: s.flip(1)),
    "two rolled": two(lambda s: s.roll(1, 1)),
    "two sorted": two(lambda s: s.sort(1)[0]),
    "a norm over two": two(lambda s: functional.layer_norm(s.movedim(1, -1), (2,)).movedim(-1, 1)),
    "a shift of two": two(lambda s: functional.pad(s.movedim(1, -1), (1, -1)).movedim(-1, 1) + s),
    "one of two for each": two(lambda s: s * s[:, :1]),
    "two chosen": two(lambda s: s[:, [1, 0]]),
    "two unbound": two(lambda s: torch.stack(s.unbind(1)[::-1], 1)),
    "two attend": two(lambda s: attention(s.movedim(1, -2), s.movedim(1, -2), s.movedim(1, -2)).movedim(-2, 1)),
    "cumsum": lambda a, b: a.cumsum(-1),
    "roll": lambda a, b: a.roll(1, -1),
    "flip": lambda a, b: a.flip(-1) * b,
    "sort": lambda a, b: a.sort(-1)[0] * b,
    "places of a sort": lambda a, b: a * a.argsort(-1),
    "places of the other sort": lambda a, b: a * a.sort(-1)[1],
    "pad": lambda a, b: functional.pad(a, (1, -1)),
    "halves exchanged": lambda a, b: torch.cat([a[..., 2:], a[..., :2]], -1),
    "one against all": lambda a, b: a + a[..., :1],
    "half against half": lambda a, b: torch.cat([a[..., :2] * a[..., 2:], a[..., 2:]], -1),
    "numbers": lambda a, b: a[..., [1, 0, 2, 3]] + b,
    "chosen": lambda a, b: a + b.index_select(-1, torch.tensor([1, 0, 2, 2])),
    "taken": lambda a, b: a * b.gather(-1, torch.zeros(a.shape, dtype=torch.long)),
}
"""What tells apart places of the last axis, heads or members of a stack: of two activations, relations or matrices."""
FIRST = {
    "a row": lambda m, n, a: m[0] + n,
    "rows by number": lambda m, n, a: m[torch.tensor([1, 0, 0, 2])] * n,
    "rows of an embedding": lambda m, n, a: functional.embedding(a[0, 0, 0].gt(0).long(), m) * n,
    "one of two matrices": lambda m, n, a: torch.stack([m, n])[a.sum().gt(0).long()],
    "a triangle": lambda m, n, a: m.tril() + n,
    "a diagonal": lambda m, n, a: torch.einsum("ii->i", m)[:, None] * n,
    "experts in order": lambda m, n, a: mapped(a, m, n, m, torch.tanh, lambda s: s.cumsum(0).amax((0, 1, 2))) + n,
    "units of experts in order": lambda m, n, a: (
        mapped(a, m, n, m, lambda h: h.cumsum(-1), lambda s: s.amax((0, 1, 2))) + n
    ),
    "another view": lambda m, n, a: m.view(2, 2, N).transpose(0, 1).reshape(N, N) * n,
}
"""What tells places of matrices apart."""
SHARP = [
    *(("a", lambda a, b, c, d, m, n, k, v, w, f=f: f(a, b)) for f in LAST.values()),
    *(("a", lambda a, b, c, d, m, n, k, v, w, f=f: f(a @ m, b @ n)) for f in LAST.values()),
    *(("c", lambda a, b, c, d, m, n, k, v, w, f=f: f(c, d)) for f in LAST.values()),
    *(("m", lambda a, b, c, d, m, n, k, v, w, f=f: f(m[None], n[None])[0]) for f in LAST.values()),
    *(("m", lambda a, b, c, d, m, n, k, v, w, f=f: f(m, n, a)) for f in FIRST.values()),
]
KINDS = "aaccmmmvv"
NEAR = st.sampled_from([0, 0, 0, 0, 1, 2])
ANY = st.integers(0, 9)
PLACES = st.tuples(NEAR, ANY, NEAR, ANY, ANY, ANY, ANY, NEAR, ANY)
"""How far back each argument was made: the first ones of the last values, so that most of what is made is read."""
GENTLE = st.sampled_from("aaaacmmv").flatmap(lambda kind: st.tuples(st.just(kind), st.sampled_from(EVEN[kind]), PLACES))
LENGTHS = [
    *SHARP,
    ("a", lambda a, b, c, d, m, n, k, v, w: a + b[..., : b.shape[1]].sum(-1, keepdim=True)),
    *[("m", lambda a, b, c, d, m, n, k, v, w: m[: a.shape[1]].mean(0) + n)] * 9,
    *[("m", lambda a, b, c, d, m, n, k, v, w: m[: a.shape[1]].mean(0) * m[a.shape[1] - 1 :].mean(0) + n)] * 9,
    *[("v", lambda a, b, c, d, m, n, k, v, w: v[: a.shape[1]].sum() + w)] * 9,
]
"""These and what cuts at the length: only where another length is tried."""


def programs(sharp, shared, vary):
    """Programs of five branches of one to five steps, one of which tells places apart.

    A branch in which two do shows neither; several branches in a network are several programs at the cost of one.
    """
    step = st.tuples(st.sampled_from(sharp), PLACES).map(lambda step: (*step[0], step[1]))
    some = st.lists(GENTLE, max_size=2)
    branch = st.tuples(some, step, some).map(lambda steps: [*steps[0], steps[1], *steps[2]])
    return st.builds(Program, st.lists(branch, min_size=5, max_size=5), st.just(shared), st.just(vary))


class Branch(nn.Module):
    """A network that does some steps, each on earlier values of its kinds, and reads the last of every kind."""

    def __init__(self, steps):
        super().__init__()
        self.steps = steps
        self.into, self.other, self.out = nn.Linear(3, N), nn.Linear(3, N), nn.Linear(N, 2)
        self.matrices = nn.ParameterList([torch.rand(N, N) for _ in range(4)])
        self.vectors = nn.ParameterList([torch.rand(N) for _ in range(2)])
        self.ends = nn.ParameterList([torch.rand(N) for _ in range(5)])

    def forward(self, x):
        a = [self.other(x), self.into(x)]
        values = {"a": a, "c": [a[0].mT @ a[1], a[1].mT @ a[0]], "m": list(self.matrices), "v": list(self.vectors)}
        for kind, operator, places in self.steps:
            chosen = [values[one][-1 - place % len(values[one])] for one, place in zip(KINDS, places, strict=True)]
            values[kind].append(functional.softsign(operator(*chosen)))
        left, right, first, last, end = self.ends
        reads = {
            "a": lambda a: self.out(a),
            "c": lambda c: (left @ c @ right)[:, None, None],
            "m": lambda m: first @ m @ last,
            "v": lambda v: end @ v,
        }
        return sum(reads[kind](values[kind][-1]) for kind in dict.fromkeys(["a", *(step[0] for step in self.steps)]))


class Program(nn.Module):
    """The sum of some branches, which may have their weights in common, and whether to try other lengths."""

    def __init__(self, branches, shared, vary):
        super().__init__()
        torch.manual_seed(0)
        self.branches, self.vary = nn.ModuleList(map(Branch, branches)), vary
        for branch in self.branches[1:] if shared else ():
            branch.matrices, branch.vectors = self.branches[0].matrices, self.branches[0].vectors

    def forward(self, x):
        return sum((2 + place) * branch(x) for place, branch in enumerate(self.branches))


def examples():
    """Inputs of several lengths and batch sizes, the first of which is the one that is traced."""
    return [[torch.randn(N, N, 3)], [torch.randn(2, 2, 3)], [torch.randn(1, 3, 3)]]


PROGRAMS = st.one_of(
    programs(SHARP, shared=False, vary=False),
    programs(SHARP, shared=False, vary=False),
    programs(LENGTHS, shared=False, vary=True),
    programs(SHARP, shared=True, vary=False),
)
