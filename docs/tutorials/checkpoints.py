# %% [markdown]
# # From a folder of checkpoints to a predictor
#
# Somebody has trained many networks of one architecture, and kept their checkpoints. What can be told of a
# network from its weights alone? Here networks are made that rise more or less steeply; how much is what shall
# be read off the weights.

# %%
import sys
import tempfile
from pathlib import Path

import torch
from torch import nn

import layergen
from layergen.data import Zoo
from layergen.nn import Probes
from layergen.training import Configuration, predict, train

quick = "--quick" in sys.argv
folder = Path(tempfile.mkdtemp())
torch.manual_seed(0)


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1))


# %% [markdown]
# ## The folder
#
# Files in any of the usual formats, and a table of labels with a column `file`. Yours is there already.

# %%
ends = torch.tensor([[-2.0], [2.0]])
for name, count in (("zoo", 60 if quick else 300), ("others", 20 if quick else 100)):
    (folder / name).mkdir()
    rows = ["file,rise"]
    for number in range(count):
        model = network()
        torch.save(model.state_dict(), folder / name / f"{number}.pt")
        low, high = model(ends)[:, 0].tolist()
        rows.append(f"{number}.pt,{high - low:.6f}")
    (folder / name / "labels.csv").write_text("\n".join(rows))

# %% [markdown]
# ## What may be permuted
#
# `trace` follows the axes of every value through the module, and proves what it finds: neurons that are
# permuted, with all weights that touch them, leave the function as it is.

# %%
trace = layergen.trace(network(), [ends])
trace

# %% [markdown]
# So a layer that reads these weights has this many maps, each of which the table counts; there are no others.

# %%
layergen.explain(trace.space)

# %% [markdown]
# ## Training
#
# A zoo reads the folder, and says what is wrong with it before anything is trained. A run holds everything: the
# network of the best epoch, its statistics, the log, predictions for the networks held out.

# %%
zoo = Zoo(folder / "zoo", space=trace.space, require=["rise"])
options = {"hidden": 8, "layers": 2}
configuration = Configuration("rise", epochs=2 if quick else 30, learning_rate=1e-2, metanet=options)
run = train(zoo, configuration, folder / "run")
{name: round(value, 3) for name, value in run.metrics.items() if value is not None}

# %% [markdown]
# ## With probes
#
# Much of what a network is shows only where it runs. With probes it is run on inputs that are learned, here one
# number each, and what it computes on the way goes to its weights' axes.

# %%
probed = train(zoo, configuration, folder / "probed", probes=Probes(network(), [ends], count=8, space=trace.space))

# %% [markdown]
# ## Other networks
#
# A run reads any folder of its weight space: other files, other widths.

# %%
others = Zoo(folder / "others", space=trace.space, require=["rise"])
true = torch.tensor(others.labels["rise"].to_list())
found = {
    "weights": torch.tensor(predict(run, others)),
    "weights and probes": torch.tensor(
        predict(probed, others, probes=Probes(network(), [ends], count=8, space=trace.space))
    ),
}
r2 = {name: 1 - float((value - true).square().mean() / true.var()) for name, value in found.items()}
{name: f"R² {value:.3f}" for name, value in r2.items()}

# %% [markdown]
# How far a network rises is in what it computes: from 300 networks the weights alone tell next to nothing of it, and
# a few inputs all. With what is in how networks were trained it is the other way round: try both.
