# %% [markdown]
# # Testing your own metanetwork
#
# You have written a layer that reads weights, and it should not care in which order the neurons are stored.
# Three questions can be asked of it: is it equivariant, does it reach everything that is, and is it too
# symmetric?

# %%
import torch
from torch import Tensor, nn

import layergen
import symmetry
from layergen.testing import assert_equivariant, check, coverage, sensitivity

space = symmetry.WeightSpace(
    {"0.weight": "h x", "0.bias": "h", "2.weight": "y h", "2.bias": "y"}, sets={"h": 8}, free={"x": 3, "y": 2}
)
space

# %% [markdown]
# ## A layer with a mistake
#
# It mixes channels, and gives every neuron the mean of the weights that leave it. The bias of a neuron also
# gets its neighbour's.


# %%
class Mine(nn.Module):
    def __init__(self, in_channels: int = 1, out_channels: int = 4, neighbours: bool = True):
        super().__init__()
        self.in_channels, self.neighbours = in_channels, neighbours
        self.own = nn.ModuleDict({name.replace(".", "_"): nn.Linear(in_channels, out_channels) for name in space.names})
        self.leaving = nn.Linear(in_channels, out_channels)

    def forward(self, x: dict[str, Tensor]) -> dict[str, Tensor]:
        found = {name: self.own[name.replace(".", "_")](value) for name, value in x.items()}
        found["0.bias"] = found["0.bias"] + self.leaving(x["2.weight"].mean(1))
        if self.neighbours:
            found["0.bias"] = found["0.bias"] + self.leaving(x["0.bias"].roll(1, dims=1))
        return found


# %% [markdown]
# ## Is it equivariant?
#
# Hypothesis looks for a permutation that breaks it, and shrinks what it finds. The answer has code that shows
# the failure again.

# %%
verdict = check(Mine(), space)
verdict

# %% [markdown]
# Without the neighbours it holds, as far as was tried. In a test suite this line is the test;
# `assert_equivariant` is a fixture too.

# %%
mine = Mine(neighbours=False)
assert_equivariant(mine, space)

# %% [markdown]
# ## Does it reach everything?
#
# The equivariant linear maps are all known, so that those which a layer lacks can be named. They are drawn: the
# target's indices above, the source's below, equal ones joined. Most of what a layer over this space can do,
# ours does not.

# %%
reached = coverage(Mine(out_channels=1, neighbours=False), space)
reached

# %% [markdown]
# The derived layer has all of them and no parameter too many.

# %%
coverage(layergen.EquivariantLinear(space, 1, 1), space)

# %% [markdown]
# ## Is it too symmetric?
#
# A network that is blind to what it should see is equivariant all the same. What ours does not notice: the
# inputs `x` and the outputs `y` of the network may change places, though they are told apart.

# %%
blind = sensitivity(mine, space)
blind

# %% [markdown]
# ## Is the weight space right?
#
# All of this is about the space that was declared. Whether that is the module's own is asked of the module.

# %%
network = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
layergen.testing.assert_function_preserved(network, space, [torch.randn(5, 3)])
trace = layergen.trace(network, [torch.randn(5, 3)])
symmetry.canonical(trace.space) == symmetry.canonical(space)
