# %% [markdown]
# # Tracing a module and editing networks
#
# A network out of a network: what a small network computes is changed through its weights. The editor never
# sees the function, only the weights, and what it has learned holds for networks that it has not seen.

# %%
import sys

import torch
from torch import nn

import layergen
from layergen.nn import Metanet

quick = "--quick" in sys.argv
torch.manual_seed(0)
points = torch.linspace(-1, 1, 32)[:, None]


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inward, self.inner, self.outward = nn.Linear(1, 12), nn.Linear(12, 12), nn.Linear(12, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        stream = torch.tanh(self.inward(x))
        stream = stream + torch.tanh(self.inner(stream))
        return self.outward(stream)


# %% [markdown]
# ## The weight space of a module
#
# The residual stream ties the rows of `inner` to its columns: they are one set, and permute together. The trace
# finds it.

# %%
trace = layergen.trace(Residual(), [points])
trace

# %% [markdown]
# Another set of neurons may be declared by hand. Where a declaration is wrong, the smallest permutation that
# changes the function is named.

# %%
axes = {tensor.name: str(tensor).partition("[")[2][:-1] for tensor in trace.space}
(stream,) = (index.name for index in trace.space.indices if index.joined)
apart = {**axes, "inner.weight": f"other {stream}", "inner.bias": "other"}
try:
    wrong = type(trace.space)(apart, sets={stream: 12, "other": 12})
    layergen.testing.assert_function_preserved(Residual(), wrong, [points])
except AssertionError as error:
    print(error)

# %% [markdown]
# `layergen report --module FILE.py:OBJECT --input 32,1 --output page.html` makes a page of it: what permutes,
# every block with its diagrams, the lines of the layer that they became, what is frozen and why.

# %%
html = layergen.report.page(trace.space, trace=trace, prove=False)
f"a page of {len(html):,} characters"

# %% [markdown]
# ## Networks as data
#
# Many networks are a batch: a dict of tensors, channels last. `functional` runs all of them at once, and passes
# gradients on.

# %%
networks = layergen.stack([Residual().state_dict() for _ in range(60 if quick else 400)], trace.space)
networks["inward.weight"] *= 4  # or else they are nearly straight lines
computed = layergen.functional(Residual(), networks, [points])
computed.shape

# %% [markdown]
# ## An editor
#
# It shall turn every network into one that computes the mirror image, f(−x). A metanetwork with `out_channels`
# gives networks; with `update` it begins near to leaving them as they are.

# %%
held = len(computed) // 4
train, test = ({name: value[rows] for name, value in networks.items()} for rows in (slice(held, None), slice(held)))
wanted = computed.flip(1).squeeze(-1)
editor = Metanet(trace.space, out_channels=1, update=[0], hidden=12).fit(train)
optimiser = torch.optim.AdamW(editor.parameters(), lr=1e-2)


def run(x: dict[str, torch.Tensor]) -> torch.Tensor:
    return layergen.functional(Residual(), x, [points], channels=True).flatten(1)


for _ in range(10 if quick else 300):
    rows = torch.randint(len(wanted) - held, (32,))
    edited = run(editor({name: value[rows] for name, value in train.items()}))
    loss = (edited - wanted[held:][rows]).square().mean()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()

# %% [markdown]
# On networks held out, against leaving them alone:

# %%
with torch.no_grad():
    before = float((run(test) - wanted[:held]).square().mean())
    after = float((run(editor(test)) - wanted[:held]).square().mean())
print(f"mean squared error: {before:.4f} before, {after:.4f} edited")

# %% [markdown]
# And whatever order the neurons of a network are stored in, the edited network computes the same: the editor is
# equivariant.

# %%
layergen.testing.assert_equivariant(editor, trace.space)
