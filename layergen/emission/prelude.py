"""The functions that an emitted module may carry; it holds those that it calls."""

from __future__ import annotations

from layergen.emission.values import called
from layergen.plan import operations as ops

__all__ = ["FUNCTIONS", "functions_of"]

CHECK_NAMES = '''
def _check_names(x: dict[str, Tensor], axes: dict[str, tuple[str, ...]]) -> None:
    """Raise a ValueError unless `x` holds exactly these tensors, each with a batch, its axes and channels."""
    missing, extra = [name for name in axes if name not in x], [name for name in x if name not in axes]
    if missing or extra:
        raise ValueError(f"features missing: {missing}, not expected: {extra}; expected: {list(axes)}")
    for name, names in axes.items():
        if x[name].ndim != len(names) + 2:
            expected = ", ".join(("batch", *names, "channels"))
            raise ValueError(f"{name!r} has shape {tuple(x[name].shape)}, expected ({expected})")
'''

CHECK_SHAPES = '''
def _check_shapes(
    x: dict[str, Tensor], shapes: dict[str, tuple[int, ...]], read: dict[str, int], fixed: tuple[str, ...] = ()
) -> None:
    """Raise a ValueError that lists every tensor whose shape does not follow from the sizes read and those fixed."""
    wrong = [name for name, shape in shapes.items() if x[name].shape != shape or 0 in shape[1:]]
    if wrong:
        faults = [f"{name!r} has shape {tuple(x[name].shape)}, expected {shapes[name]}" for name in wrong]
        notes = [f"the sizes read from the other tensors are {read}"] if read else []
        raise ValueError("; ".join([*faults, *notes, *fixed]))
'''

DIAGONAL = '''
def _diagonal(x: Tensor, pairs: list[tuple[int, int]]) -> Tensor:
    """The entries where the two dimensions of each pair agree; the second dimension of each is dropped in turn."""
    for first, second in pairs:
        x = x.diagonal(dim1=first, dim2=second).movedim(-1, first)
    return x
'''

ADD = '''
def _add(x: Tensor, update: Tensor, columns: slice | None = None) -> Tensor:
    """`x` with `update` added to some of its columns, in place where that is faster: `x` is not to be read any more.

    Where gradients are wanted it is slower, as autograd copies the gradient of a view that is changed.
    """
    if not (x.requires_grad or update.requires_grad):
        try:
            (x if columns is None else x[..., columns]).add_(update)
            return x
        except RuntimeError:  # `vmap` has several of `update` and one `x`
            pass
    if columns is None:
        return x + update
    return x + nn.functional.pad(update, (columns.start, x.shape[-1] - columns.stop))
'''

MEAN = '''
def _mean(x: Tensor, dims: int | tuple[int, ...], size: int) -> Tensor:
    """The mean over dimensions with `size` entries together.

    The gradient of a mean is divided at full size, that of a sum is a view: where it is wanted the sum is divided.
    """
    return x.sum(dims) / size if x.requires_grad else x.mean(dims)
'''

MOVED = '''
def _moved(x: Tensor, dim: int, places: int) -> Tensor:
    """`x` moved along `dim`: out[places:] = x[:-places], or out[:places] = x[-places:], and zeros in the gap."""
    kept = x.narrow(dim, max(-places, 0), x.shape[dim] - abs(places))
    gap = x.new_zeros(*x.shape[:dim], abs(places), *x.shape[dim + 1 :])
    return torch.cat([gap, kept] if places > 0 else [kept, gap], dim)
'''

ADD_ON_DIAGONAL = '''
def _add_on_diagonal(x: Tensor, update: Tensor, pairs: list[tuple[int, int]]) -> Tensor:
    """`x` with `update` added where the two dimensions of each pair agree."""
    if not pairs:
        return x + update
    first, second = pairs[0]
    diagonal = x.diagonal(dim1=first, dim2=second).movedim(-1, first)
    updated = _add_on_diagonal(diagonal, update, pairs[1:]).movedim(first, -1)
    return torch.diagonal_scatter(x, updated.to(x.dtype), dim1=first, dim2=second)
'''

INITIALISE = '''
def _initialise(weight: Tensor, rows: list[tuple[int, float]], columns: list[tuple[int, float]]) -> None:
    """Normal weights of variance `averaged / fan_in`: (count, averaged) for rows, (count, fan_in) for columns."""
    averaged, fan_in = (
        torch.cat([torch.full((count,), float(value), device=weight.device) for count, value in runs])
        for runs in (rows, columns)
    )
    with torch.no_grad():
        weight.normal_().mul_((averaged[:, None] / fan_in).sqrt().to(weight.dtype))
'''

PRODUCT = '''
# The fewest multiplications for which a product is run as a convolution; with `math.inf` none is.
_CONVOLVED = 2**22


def _product(x: Tensor, weight: Tensor) -> Tensor:
    """`x @ weight`; a large one in float32 on the CPU as a 1x1 convolution, which oneDNN may run at twice the speed.

    How the rows are split into images changes nothing; from sixteen images oneDNN takes over for certain.
    """
    if torch.compiler.is_exporting() or x.numel() * weight.shape[1] < _CONVOLVED:
        return x @ weight
    if x.device.type != "cpu" or x.dtype != torch.float32:
        return x @ weight
    rows = x.numel() // x.shape[-1]
    images = x.reshape(1 if rows % 16 else 16, -1, 1, x.shape[-1]).movedim(-1, 1)
    mixed = nn.functional.conv2d(images, weight.t()[:, :, None, None])
    return mixed.movedim(1, -1).reshape(*x.shape[:-1], weight.shape[1])
'''

ZEROS = '''
def _zeros(x: Tensor, *sizes: int) -> Tensor:
    """The product of no columns of `x` with no rows: zeros in the dtype of products, which autocast chooses."""
    return x.new_zeros(*sizes[:-1], 0) @ x.new_zeros(0, sizes[-1])
'''

TO_IRREPS = '''
def _to_irreps(x: Tensor, basis: Tensor, dims: tuple[int, ...]) -> Tensor:
    """`x` with the dimensions `dims` as one, the last before the channels, along the columns of `basis`."""
    count = len(dims)
    x = x.movedim(dims, tuple(range(-count - 1, -1))).flatten(-count - 1, -2)
    return (x.transpose(-1, -2) @ basis.to(x)).transpose(-1, -2)
'''

FROM_IRREPS = '''
def _from_irreps(x: Tensor, basis: Tensor, dims: tuple[int, ...], sizes: tuple[int, ...]) -> Tensor:
    """The inverse of `_to_irreps`, where the columns of `basis` are orthonormal."""
    x = (x.transpose(-1, -2) @ basis.t().to(x)).transpose(-1, -2).unflatten(-2, sizes)
    return x.movedim(tuple(range(-len(dims) - 1, -1)), dims)
'''

APART = '''
def _apart(group):
    """What a function of no arguments gives; for gradients it is run again, so that nothing on the way is kept."""
    if not torch.is_grad_enabled():
        return group()
    return torch.utils.checkpoint.checkpoint(group, use_reentrant=False, preserve_rng_state=False)
'''

FUNCTIONS = {
    "_check_names": CHECK_NAMES,
    "_check_shapes": CHECK_SHAPES,
    "_diagonal": DIAGONAL,
    "_add": ADD,
    "_mean": MEAN,
    "_moved": MOVED,
    "_add_on_diagonal": ADD_ON_DIAGONAL,
    "_initialise": INITIALISE,
    "_product": PRODUCT,
    "_zeros": ZEROS,
    "_to_irreps": TO_IRREPS,
    "_from_irreps": FROM_IRREPS,
    "_apart": APART,
}


def functions_of(program: ops.Program) -> list[str]:
    """The functions that a program's operations call, and those that every module calls."""
    values = (one for one in ops.parts((program.statements, program.results)) if isinstance(one, ops.Value))
    names = {call[0] for value in values if (call := called(value))} | {"_check_names", "_check_shapes", "_initialise"}
    if any(isinstance(one, ops.Apart) for one in program.statements):
        names.add("_apart")
    return [text for name, text in FUNCTIONS.items() if name in names]
