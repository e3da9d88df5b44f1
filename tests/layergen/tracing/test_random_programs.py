"""Random networks over hidden axes of one size: what the rules find by themselves is preserved, at every length."""

import torch
from hypothesis import event, given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

import layergen
from tests.layergen.tracing.action import assert_preserved

N = 4
"""The size of every hidden axis, of the example's length and of its batch: nothing is told apart by its size."""


def over(a, b, change):
    """Two values stacked, something done along the stack, one of them read."""
    return change(torch.stack([a, b], 2))[:, :, 1]


def heads(a, change):
    return change(a.unflatten(-1, (2, 2))).flatten(-2)


def attention(a, b, c):
    return functional.scaled_dot_product_attention(a, b, c)


# a, b: activations (batch, length, N); c: relations (batch, N, N); m, n: matrices (N, N); v, w: vectors (N).
OPERATORS = {
    "a": [
        lambda a, b, c, m, n, v, w: a + b,
        lambda a, b, c, m, n, v, w: a * b,
        lambda a, b, c, m, n, v, w: a @ m,
        lambda a, b, c, m, n, v, w: a @ m.T,
        lambda a, b, c, m, n, v, w: functional.linear(a, m, v),
        lambda a, b, c, m, n, v, w: a * v + w,
        lambda a, b, c, m, n, v, w: a @ c,
        lambda a, b, c, m, n, v, w: torch.cat([a, b], -1) @ torch.cat([m, n]),
        lambda a, b, c, m, n, v, w: torch.stack([a, b], -2).flatten(-2) @ torch.cat([m, n]),
        lambda a, b, c, m, n, v, w: functional.linear(a, torch.cat([m, n])).chunk(2, -1)[0] * b,
        lambda a, b, c, m, n, v, w: functional.glu(torch.cat([a, b], -1)),
        lambda a, b, c, m, n, v, w: functional.layer_norm(a, (N,), v, w),
        lambda a, b, c, m, n, v, w: a.softmax(-1) + b.mean(-1, keepdim=True),
        lambda a, b, c, m, n, v, w: a * a.amax(1, keepdim=True),
        lambda a, b, c, m, n, v, w: attention(a, b, a + b),
        lambda a, b, c, m, n, v, w: attention(a @ m, a @ n, b),
        lambda a, b, c, m, n, v, w: torch.einsum("bti,ij,bsj->bti", a, m, b),
        lambda a, b, c, m, n, v, w: over(a, b, lambda s: s.softmax(2)),
        lambda a, b, c, m, n, v, w: over(a, b, lambda s: s.cumsum(2)),
        lambda a, b, c, m, n, v, w: over(a, b, lambda s: s.flip(2)),
        lambda a, b, c, m, n, v, w: over(a, b, lambda s: s * v),
        lambda a, b, c, m, n, v, w: heads(a, lambda h: h.softmax(-2)),
        lambda a, b, c, m, n, v, w: heads(a, lambda h: h.softmax(-1)),
        lambda a, b, c, m, n, v, w: heads(a, lambda h: h.mT),
        lambda a, b, c, m, n, v, w: heads(a, lambda h: h @ h.mT @ h),
        lambda a, b, c, m, n, v, w: heads(a, lambda h: h * h.sum(-2, keepdim=True)),
        lambda a, b, c, m, n, v, w: heads(a, lambda h: h * h.sum(-1, keepdim=True)),
        lambda a, b, c, m, n, v, w: a.cumsum(1),
        lambda a, b, c, m, n, v, w: a.roll(1, 1) * b,
        lambda a, b, c, m, n, v, w: a.roll(1, -1),
        lambda a, b, c, m, n, v, w: a.sort(-1)[0],
        lambda a, b, c, m, n, v, w: functional.pad(a, (1, -1)),
        lambda a, b, c, m, n, v, w: torch.cat([a[..., 2:], a[..., :2]], -1),
        lambda a, b, c, m, n, v, w: a + a[..., :1],
        lambda a, b, c, m, n, v, w: a + m[: a.shape[1]].mean(0),
        lambda a, b, c, m, n, v, w: functional.embedding(a[..., 0].gt(0).long(), m) * b,
        lambda a, b, c, m, n, v, w: torch.stack([m, n])[a.sum().gt(0).long()].sum(0) * a,
    ],
    "c": [
        lambda a, b, c, m, n, v, w: a.mT @ b,
        lambda a, b, c, m, n, v, w: c.mT,
        lambda a, b, c, m, n, v, w: c @ m,
        lambda a, b, c, m, n, v, w: m @ c,
        lambda a, b, c, m, n, v, w: c.softmax(-1) + n,
        lambda a, b, c, m, n, v, w: attention(c, c, c),
        lambda a, b, c, m, n, v, w: c * v,
        lambda a, b, c, m, n, v, w: torch.baddbmm(c, m.expand_as(c), c),
        lambda a, b, c, m, n, v, w: torch.addbmm(m, c, c).expand_as(c),
        lambda a, b, c, m, n, v, w: c[:, :, None, :].mul(c[:, None, :, :]).sum(-1),
    ],
    "m": [
        lambda a, b, c, m, n, v, w: m.T,
        lambda a, b, c, m, n, v, w: m @ n,
        lambda a, b, c, m, n, v, w: m * n,
        lambda a, b, c, m, n, v, w: m * v[:, None] + w,
        lambda a, b, c, m, n, v, w: m.softmax(0),
        lambda a, b, c, m, n, v, w: torch.outer(v, w),
        lambda a, b, c, m, n, v, w: m.view(2, 2, N).transpose(0, 1).reshape(N, N),
        lambda a, b, c, m, n, v, w: m.sort(0)[0],
        lambda a, b, c, m, n, v, w: m.tril(),
        lambda a, b, c, m, n, v, w: torch.stack([m, n]).cumsum(0)[1],
        lambda a, b, c, m, n, v, w: torch.stack([m, n]).amax(0),
        lambda a, b, c, m, n, v, w: torch.einsum("ij,ij->j", m, n) * m,
        lambda a, b, c, m, n, v, w: torch.einsum("ii->i", m)[:, None] * n,
    ],
    "v": [
        lambda a, b, c, m, n, v, w: m @ v,
        lambda a, b, c, m, n, v, w: m.sum(0),
        lambda a, b, c, m, n, v, w: m.amax(1) + v,
        lambda a, b, c, m, n, v, w: v * w,
        lambda a, b, c, m, n, v, w: v.softmax(0),
        lambda a, b, c, m, n, v, w: v.unflatten(0, (2, 2)).cumsum(0).flatten(),
        lambda a, b, c, m, n, v, w: m[0],
    ],
}
STEP = st.sampled_from("aaaaccmmv").flatmap(
    lambda kind: st.tuples(
        st.just(kind), st.integers(0, len(OPERATORS[kind]) - 1), st.tuples(*[st.integers(0, 99)] * 7)
    )
)


class Program(nn.Module):
    """A network that does the steps: each operates on earlier values of its kinds, the latest ones first."""

    def __init__(self, steps):
        super().__init__()
        self.steps = steps
        self.into, self.other, self.out = nn.Linear(3, N), nn.Linear(3, N), nn.Linear(N, 2)
        self.matrices = nn.ParameterList([torch.rand(N, N) for _ in range(3)])
        self.vectors = nn.ParameterList([torch.rand(N) for _ in range(2)])

    def forward(self, x):
        a = [self.other(x), self.into(x)]
        values = {"a": a, "c": [a[0].mT @ a[1]], "m": list(self.matrices), "v": list(self.vectors)}
        for kind, number, places in self.steps:
            chosen = [values[one][-1 - place % len(values[one])] for one, place in zip("aacmmvv", places, strict=True)]
            values[kind].append(functional.softsign(OPERATORS[kind][number](*chosen)))
        return self.out(values["a"][-1] + values["a"][-2] @ values["c"][-1])


@given(st.lists(STEP, min_size=8, max_size=20))
def test_what_the_rules_find_is_preserved(steps):
    torch.manual_seed(0)
    network = Program(steps)
    examples = [[torch.randn(N, N, 3)], [torch.randn(2, 2, 3)], [torch.randn(1, 3, 3)]]
    space = layergen.trace(network, examples[0], prove=False).space
    event(f"{len(space.indices)} sets, {sum(index.parent is not None for index in space.indices)} nested")
    assert_preserved(network, space, examples, elements=2)
