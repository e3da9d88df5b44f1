"""`layergen.trace`: the weight space of a module, derived from its graph and proved by what the module computes."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from layergen.preservation import broken_on, unnoticed_moves
from layergen.preservation.function import tied_names
from layergen.preservation.moves import Move, larger
from layergen.tracing.charges import Motion, motions
from layergen.tracing.copying import own_copy, put_in_general_position
from layergen.tracing.declaring import Frozen, declared, names_of
from layergen.tracing.exporting import exported
from layergen.tracing.folding import in_names_of
from layergen.tracing.lengths import Example, varied
from layergen.tracing.propagation import Followed, follow
from layergen.tracing.repeating import repeated_blocks
from layergen.tracing.telling import in_one_line, in_tables, in_words
from layergen.tracing.unknowns import Atom
from symmetry import GroupElement, SpecificationError, WeightSpace
from symmetry.space.comparison import differences

__all__ = ["Trace", "trace"]

ENTRIES = 10_000_000
"""Of networks with more weights than this no extensions are tried."""
EXTENSIONS = 300
"""The most ways to make a specification larger that are tried."""


@dataclass(frozen=True, slots=True, repr=False)
class Trace:
    """A module's weight space, the axes that are frozen with the reasons, and what was not understood.

    Parameters
    ----------
    space
        The weight space.
    frozen
        The axes that may not be permuted, whole or in part, each with the reason.
    warnings
        What was not understood, or taken back.
    preserved
        Whether the module computed the same after permuting its weights; None where that was not tried.
    possible
        Rearrangements outside the group that change nothing either: free indices permuted, sets uncoupled or exchanged,
        units exchanged between heads.
    tried
        How many rearrangements outside the group were tried.
    assumed
        The buffers whose values were taken to be the same in all networks: those that a `state_dict` does not keep,
        those of integers and bools and, in the proof, which entries of others are not finite. Also where a network
        chooses by the order of numbers no two of which were taken to be alike, as by top-k routing.
    more
        The indices on which more acts than the weight space says: where `symmetries` is `"permutations"` what `"all"`
        would declare, found by the operators' rules and not proved; with `"all"` what cannot be declared beside it.
    spelled
        The weight space with names for the axes that are frozen: where two are one, as those of a weight and of its
        bias over an output, they have one name.

    Examples
    --------
    >>> import torch
    >>> network = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> found = trace(network, [torch.randn(5, 2)])
    >>> found.preserved, [str(tensor) for tensor in found.space]
    (True, ['0.weight[h_0 2]', '0.bias[h_0]', '2.weight[1 h_0]', '2.bias[1]'])
    """

    space: WeightSpace
    frozen: tuple[Frozen, ...]
    warnings: tuple[str, ...]
    preserved: bool | None
    possible: tuple[str, ...] = ()
    tried: int = 0
    assumed: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    spelled: WeightSpace | None = None

    def __repr__(self) -> str:
        return in_one_line(self)

    def __str__(self) -> str:
        """The axes of each tensor, what is frozen and why, what was tried, assumed and not understood."""
        return in_words(self)

    def _repr_html_(self) -> str:
        """The same as tables, for notebooks."""
        return in_tables(self)


def trace(
    module: nn.Module,
    example_inputs: Sequence[Any],
    example_options: Mapping[str, Any] | None = None,
    *,
    also: Sequence[Sequence[Any] | Mapping[str, Any]] = (),
    vary: bool = True,
    prove: bool = True,
    extend: bool = True,
    symmetries: Literal["permutations", "all"] = "permutations",
    families: bool = True,
    free: Mapping[str, int | Sequence[int]] | None = None,
) -> Trace:
    """Derive the weight space of a module, in evaluation mode, from its graph on some inputs.

    The module is exported with `torch.export`, and every axis of every value followed through the operators. Axes of
    inputs and outputs stay as they are, and so does whatever an operator is not known to leave alone, and whatever no
    example reads, and what is cut where the length of an input says: the result may be too small, but not wrong. With
    `vary` one more example is made of the first, of another length and batch size as far as the module takes them.
    With `prove` it is tested by function preservation, in
    float64; what breaks it (nested units that are not, sets that an operator treats otherwise than its rule says) is
    taken back, and a warning says so. With `extend` as well, up to 300 ways to make it larger are tried, on networks
    of up to ten million weights.

    Blocks that are repeated, of a transformer or of a stage of a ResNet, become families of tensors over a positional
    index, `"blocks.{blocks}.up.weight"`: the group stays the same, and a layer on it has as many parameters at any
    depth. Where blocks may change places, as experts may beside the rows of their gate, and the function is preserved,
    the index is a set. Large frozen axes are positional too, such as words, pixels and rotary pairs: the largest frozen
    indices of an axis of which more than 32 values are frozen, and of a tensor of which more than 256 are. So are
    heads that stay where they are, each with units that may be permuted, as those with linear biases (ALiBi).

    Neurons may do more than change places: a tanh neuron may be multiplied by -1, a ReLU neuron by any positive number,
    the rank of a LoRA and the units of a query and its key by any invertible matrix. Operators say how such factors
    pass from their arguments to their results, as charges, and those that say nothing let none pass; what is left is
    declared with `symmetries="all"`, and proved by random elements of the larger group.

    Parameters
    ----------
    module
        The network; one that cannot be proved (it is random, or does not run in float64) has `preserved` None.
    example_inputs
        Its arguments by place.
    example_options
        Its arguments by name.
    also
        Further examples: inputs of another length, or those that use another head. Each is a list of arguments by
        place, a mapping of arguments by name, or a tuple of such a list and such a mapping. The group preserves what
        the module computes on all of them.
    vary
        Whether other lengths and batch sizes are tried, which takes about as long again. The module is run on inputs
        with each dimension in turn one shorter, one longer, half as long or twice as long, until it takes them.
    prove
        Whether function preservation is tested.
    extend
        Whether ways to make the group larger are tried.
    symmetries
        `"permutations"`, or `"all"` for signs, positive scales, orthogonal and invertible matrices as well: sets that
        are `scaled` and indices in `[vectors]`, with charges.
    families
        Whether repeated blocks become families; else every tensor is declared by itself.
    free
        By tensor the number of an axis, or several, whose frozen indices stay free, however large they are.

    Returns
    -------
    Trace
        The weight space, what is frozen and why, what was assumed.

    Raises
    ------
    SpecificationError
        For a module that cannot be copied or exported, or that has no floating-point tensors; for other symmetries, and
        for axes in `free` that there are not.

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 3))
    >>> traced = trace(network, [torch.randn(4, 2)])
    >>> [str(tensor) for tensor in traced.space], traced.preserved
    (['0.weight[h_0 2]', '0.bias[h_0]', '2.weight[3 h_0]', '2.bias[3]'], True)
    >>> str(traced.frozen[0])
    '0.weight, axis 1 (2): an axis of the input'
    >>> traced.more
    ("'h_0' (5) may be multiplied by -1",)
    >>> traced = trace(network, [torch.randn(4, 2)], symmetries="all")
    >>> [str(tensor) for tensor in traced.space], traced.preserved
    (['0.weight[h_0 2]', '0.bias[h_0]', '2.weight[3 h_0]', '2.bias[3]'], True)
    >>> traced.space.index("h_0").acted_on_by
    'Z_2 ≀ S_5'

    The words and the blocks of a language model are positions:

    >>> from collections import OrderedDict
    >>> class Block(nn.Sequential):
    ...     def forward(self, x):
    ...         return x + super().forward(x)
    >>> blocks = [Block(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 4, bias=False)) for _ in range(3)]
    >>> model = nn.Sequential(OrderedDict(words=nn.Embedding(50, 4), blocks=nn.Sequential(*blocks)))
    >>> print(trace(model, [torch.arange(5)]).space)
    [sets]
    blocks_0 = { size = 8, within = "blocks" }
    [positional]
    words = 50
    blocks = 3
    [tensors]
    "words.weight" = "words 4"
    "blocks.{blocks}.0.weight" = "blocks_0 4"
    "blocks.{blocks}.0.bias" = "blocks_0"
    "blocks.{blocks}.2.weight" = "4 blocks_0"
    <BLANKLINE>
    """
    if symmetries not in ("permutations", "all"):
        raise SpecificationError(f"symmetries are {symmetries!r}", remedy='write "permutations" or "all"')
    module = own_copy(module, sharing=True)
    examples = [(tuple(example_inputs), dict(example_options or {})), *map(every_call, also)]
    programs = [exported(module, *example) for example in examples]
    if vary and (other := varied(module, examples[0])) is not None:
        with contextlib.suppress(SpecificationError):  # it runs, and cannot be exported
            programs.append(exported(module, *other))
            examples.append(other)
    followed = follow(programs, tied_names(module))
    if not followed.tensors:
        raise SpecificationError("the module has no floating-point tensors", remedy="trace a module with parameters")
    followed = foldable(followed) if families else followed
    moving = motions(followed)
    every = symmetries == "all"
    kept = {name: (chosen,) if isinstance(chosen, int) else tuple(chosen) for name, chosen in (free or {}).items()}
    space, frozen = declared(followed, motions=moving if every else {}, free=kept)
    more = unsaid(followed, moving, every=every)
    spelled, _ = declared(followed, motions=moving if every else {}, spell=True)
    unproved = Trace(space, tuple(frozen), followed.warnings, None, (), 0, followed.assumed, more, spelled)
    if families:
        unproved = in_families(unproved, repeated_blocks(space))
    if not prove:
        return unproved
    try:
        general = put_in_general_position(module, torch.float64).double()  # nothing reads the old weights any more
        found = proved(followed, general, examples, extend=extend, moving=moving if every else {}, free=kept)
        constant = (name for name in found.space.names if not_finite(module, name))
        found = replace(found, assumed=(*followed.assumed, *constant), more=more)
        return in_proved_families(found, general, examples) if families else found
    except Exception as error:  # what the module does in float64 is its own affair; the derivation stands by itself
        return replace(unproved, warnings=(*unproved.warnings, f"not proved: {type(error).__name__}: {error}"))


def every_call(example: Sequence[Any] | Mapping[str, Any]) -> Example:
    """The arguments of a further example by place and by name."""
    if isinstance(example, Mapping):
        return (), dict(example)
    if isinstance(example, tuple) and len(example) == 2 and isinstance(example[1], Mapping):
        return tuple(example[0]), dict(example[1])
    return tuple(example), {}


def unsaid(followed: Followed, moving: Mapping[Atom, Motion], *, every: bool) -> tuple[str, ...]:
    """What more than is declared may act on indices: than permutations or, with `every`, than can be declared."""
    names = names_of(followed)
    deeds = {atom: motion.left if every else (motion.group.deed, *motion.left) for atom, motion in moving.items()}
    acting = [
        f"{names[atom]!r} ({atom.size}) may be {', and '.join(own)}{' beside that' * every}"
        for atom, own in deeds.items()
        if own
    ]
    return (*acting, *(two_parents(atom, followed, names) for atom in followed.beside if atom in names))


def two_parents(atom: Atom, followed: Followed, names: Mapping[Atom, str]) -> str:
    """What the language cannot say of a set that is nested within several others, none of which is in another."""
    parent, others = names[followed.parents[atom]], culprits(names[one] for one in followed.beside[atom])
    alone = (
        f"{names[atom]!r} ({atom.size}) may be permuted by itself for each value of {others} as well as of {parent!r}"
    )
    return f"{alone}: a set can be nested within one other only, and none of these is within the other"


def proved(
    followed: Followed,
    general: nn.Module,
    examples: Sequence[Example],
    *,
    extend: bool,
    moving: Mapping[Atom, Motion],
    free: Mapping[str, tuple[int, ...]],
) -> Trace:
    """The trace of a followed module, less what changes its function, and with what could be added."""
    loose, still, warnings = frozenset[str](), frozenset[str](), list(followed.warnings)
    space, frozen = declared(followed, free=free)
    while (g := breaking(general, space, examples)) is not None:
        if not g.moved:
            raise AssertionError("the module computes something else each time")
        nested = frozenset(name for name in g.moved if space.index(name).parent is not None)
        if nested:
            loose = loose | nested
            warnings.append(f"{culprits(nested)}: one permutation for all; one for each of its parents does not do")
        else:
            still = still | frozenset(g.moved)
            warnings.append(f"{culprits(g.moved)}: frozen, because permuting it changes what the module computes")
        space, frozen = declared(followed, loose=loose, still=still, free=free)
    spelled, _ = declared(followed, loose=loose, still=still, spell=True)
    candidates = (
        list(islice(told(larger(spelled, positional=True), followed), EXTENSIONS)) if extend and is_small(space) else []
    )
    found = candidates
    for example in examples if candidates else ():
        found = unnoticed_moves(general, found, spelled, *example)
    if len(found) > max(3, len(candidates) // 2):
        warnings.append("a weak proof: most rearrangements go unnoticed, so early weights may not reach the output")
    texts = tuple(why_frozen(move.text, spelled) for move in found)
    names = names_of(followed)
    moving = {atom: motion for atom, motion in moving.items() if names[atom] in {index.name for index in space.indices}}
    while moving:
        space, frozen = declared(followed, loose=loose, still=still, motions=moving, free=free)
        if (g := breaking(general, space, examples)) is None:
            break
        wrong = {atom: motion for atom, motion in moving.items() if names[atom] in g.moved}
        if not wrong:
            raise AssertionError("the module computes something else each time")
        deeds = ", ".join(f"{names[atom]!r} is not {motion.group.deed}" for atom, motion in wrong.items())
        warnings.append(f"{deeds}, because that changes what the module computes")
        moving = {atom: motion for atom, motion in moving.items() if atom not in wrong}
        space, frozen = declared(followed, loose=loose, still=still, free=free)
    spelled, _ = declared(followed, loose=loose, still=still, motions=moving, spell=True)
    return Trace(space, tuple(frozen), tuple(warnings), True, texts, len(candidates), spelled=spelled)


def is_small(space: WeightSpace) -> bool:
    """Whether extensions of a space are tried."""
    return sum(math.prod(shape) for shape in space.shapes.values()) <= ENTRIES


def in_proved_families(found: Trace, general: nn.Module, examples: Sequence[Example]) -> Trace:
    """A trace with repeated blocks as families; blocks that may change places, proved by function preservation.

    Where none may, the families' group is the one that is proved tensor by tensor.
    """

    def preserved(space: WeightSpace, name: str) -> bool:
        return broken_on(general, space, examples, only=name) is None

    space = repeated_blocks(found.space, preserved if is_small(found.space) else None)
    if differences(space, found.space) and (g := breaking(general, space, examples)) is not None:
        warning = f"no families: {g.deed} changes what the module computes, where it did not tensor by tensor"
        return replace(found, warnings=(*found.warnings, warning))
    return in_families(found, space)


def in_families(found: Trace, space: WeightSpace) -> Trace:
    """A trace with repeated blocks as families, and what it says in their names."""
    sentences = (found.warnings, found.possible, found.more)
    warnings, possible, more = (in_names_of(space, found.space, texts) for texts in sentences)
    return replace(found, space=space, warnings=warnings, possible=possible, more=more)


def foldable(followed: Followed) -> Followed:
    """A followed module whose sets are nested in frozen axes only where that keeps no repeated blocks apart.

    A position can be nested in nothing else.
    """
    others = {atom: parent for atom, parent in followed.parents.items() if not parent.why}
    alone = replace(followed, parents=others)
    tensors = (
        [len(repeated_blocks(declared(one)[0])) for one in (alone, followed)] if others != followed.parents else [0, 0]
    )
    return alone if tensors[0] < tensors[1] else followed


def breaking(general: nn.Module, space: WeightSpace, examples: Sequence[Example]) -> GroupElement | None:
    """An element of the group that changes what a module computes on some example."""
    return broken_on(general, space, examples)


def told(moves: Iterable[Move], followed: Followed) -> Iterator[Move]:
    """The moves of entries some of which an example reaches: of others nothing can be told."""
    for move in moves:
        for name, (origin, gather) in move.origins.items():
            unseen = followed.unseen.get(name)
            moved = (gather != np.arange(gather.size)) | (origin != name)
            if unseen is None or bool((moved & ~unseen.ravel()).any()):
                yield move
                break


def why_frozen(text: str, space: WeightSpace) -> str:
    """The text of a move, a frozen index by where it is first."""
    for index in space.indices:
        if index.free and repr(index.name) in text and "by itself" not in text:
            first = next(tensor for tensor in space if index.name in str(tensor).split("[", 1)[1])
            return f"{text} (first in {first.name!r})"
    return text


def culprits(names: Iterable[str]) -> str:
    """Names of sets for a message."""
    return ", ".join(map(repr, names))


def not_finite(module: nn.Module, name: str) -> bool:
    """Whether a buffer has entries that are not finite, which stay as they are in the proof."""
    buffer = dict(module.named_buffers()).get(name)
    return buffer is not None and not bool(buffer.isfinite().all())
