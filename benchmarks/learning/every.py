"""Every task and every method, and which of the methods a task is for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from benchmarks.learning import cnns, methods, optimisers, tasks
from benchmarks.learning.clothes import PICTURED, clothes, clothes_in_views
from benchmarks.learning.editing import EDITORS, contrast, dilation, editing, edits
from benchmarks.learning.embedding import VIEWERS, embedded, embedded_in_pairs, is_embedding
from benchmarks.learning.graphs import GRAPHS
from benchmarks.learning.loras import PRODUCTS, lora_updates
from benchmarks.learning.methods import Method
from benchmarks.learning.optimisers import RULES, Optimising
from benchmarks.learning.recurrent import recurrent
from benchmarks.learning.sines import LINES, moved_sines
from benchmarks.learning.tasks import Task
from benchmarks.learning.transformers import readers

__all__ = ["METHODS", "TASKS"]

TASKS: dict[str, Callable[[], Task | Optimising]] = {
    **dict(sorted((tasks.TASKS | cnns.TASKS).items())),
    "F": recurrent,
    "G": lora_updates,
    "H": partial(editing, "H: dilation of pictures", dilation),
    "I": partial(editing, "I: contrast of pictures", contrast),
    "J": moved_sines,
    "K": embedded,
    "T": embedded_in_pairs,
    "L": partial(clothes, 10_000),
    "M": partial(clothes, 60_000),
    "N": readers,
    "V": clothes_in_views,
    **optimisers.TASKS,
}
"""By letter, what makes each task; what has to be fitted is fitted once and kept in the cache. L and M take an hour."""


def is_chain(task: Task) -> bool:
    """Whether the tensors are a weight and a bias in turn, as layers for perceptrons and CNNs take them."""
    names = task.space.names
    return all(name.endswith(("bias", "weight")[number % 2 == 0]) for number, name in enumerate(names))


def answering(name: str, method: Method) -> Method:
    """A method for tasks that ask for answers; layers of nfn and DWSNets are for chains of layers alone."""
    for_chains = name in ("hnp", "np", "dws")

    def applies(task: Task) -> bool:
        asked = not edits(task) and not is_embedding(task)
        return asked and method.applies(task) and (is_chain(task) or not for_chains)

    return replace(method, applies=applies)


def of_networks(method: Method) -> Method:
    """A method for tasks that come with networks."""
    return replace(method, applies=lambda task: isinstance(task, Task) and method.applies(task))


ANSWERS = methods.METHODS | GRAPHS | PRODUCTS
METHODS: dict[str, Method] = {
    **{name: of_networks(answering(name, method)) for name, method in ANSWERS.items()},
    **{name: of_networks(method) for name, method in (EDITORS | VIEWERS | LINES).items()},
    **{name: of_networks(answering(name, method)) for name, method in PICTURED.items()},
    **RULES,
}
"""By name, each in three configurations, of which validation chooses one."""
