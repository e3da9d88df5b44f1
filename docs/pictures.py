"""The pictures of the README: one network stored in two orders, and the block matrix of a perceptron's weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle
from numpy.typing import NDArray

import symmetry
from layergen.drawing import block_matrix, picture
from layergen.drawing.colours import GREY, INK, hexadecimal, oklch
from layergen.drawing.rendering import page, write
from layergen.drawing.strands import dot, square

__all__ = ["permuted_neurons", "write_pictures"]

ORDER = (3, 0, 4, 1, 2)
"""The order in which the second network stores the neurons of the first."""
HUES = (255.0, 35.0, 150.0, 320.0, 85.0)
STEP, REACH, POINTS = 74.0, 250.0, 7.5
"""Pixels from neuron to neuron and from layer to layer; the size of the text in points."""
TOP, MIDDLE = 60.0, 208.0
"""How far below the headings the first neuron and the third are."""
PLOT = (290.0, 190.0)
"""The size of a function's plot in pixels."""

Array = NDArray[np.float64]


def permuted_neurons() -> Figure:
    """A network 1-5-1 stored in two orders: other weight matrices, the same function."""
    generator = np.random.default_rng(4)
    read, bias, written = 2.4 * generator.normal(size=5), generator.normal(size=5), generator.normal(size=5)
    figure, axes = page(1720, 500, (60, 50))
    for left, order in ((0.0, list(range(5))), (880.0, list(ORDER))):
        draw_network(axes, left, order, read[order], written[order])
        draw_function(axes, left + 440, curve(read[order], bias[order], written[order]))
    axes.add_patch(
        FancyArrowPatch((770, MIDDLE), (850, MIDDLE), arrowstyle="-|>", mutation_scale=12, color=GREY, linewidth=1.2)
    )
    for text, y in (("permute", MIDDLE - 32), ("neurons", MIDDLE + 32)):
        write(axes, (810, y), text, POINTS, GREY, "center")
    return figure


def curve(read: Array, bias: Array, written: Array) -> Array:
    """What a network with these weights computes between -1 and 1."""
    x = np.linspace(-1, 1, 200)[:, None]
    return np.tanh(x * read + bias) @ written


def draw_network(axes: Axes, left: float, order: list[int], read: Array, written: Array) -> None:
    """A network's neurons in the order in which they are stored, lines as thick as weights, and its first weights."""
    ends, column = (left, left + REACH), left + REACH + 60
    for row, number in enumerate(order):
        place = (left + REACH / 2, TOP + STEP * row)
        colour, pale = hexadecimal(oklch(0.58, 0.15, HUES[number])), hexadecimal(oklch(0.78, 0.1, HUES[number]))
        for end, weight in zip(ends, (read[row], written[row]), strict=True):
            line = zip((end, MIDDLE), place, strict=True)
            axes.plot(*line, color=colour, linewidth=0.5 + 0.9 * abs(weight), zorder=1)
        dot(axes, place, colour, full=True)
        entry = Rectangle((column, place[1] - STEP / 2), STEP, STEP, facecolor=pale, edgecolor="white", linewidth=1.2)
        axes.add_patch(entry)
        write(axes, (column + STEP / 2, place[1]), f"{read[row]:+.1f}", POINTS - 1, INK, "center")
    for end in ends:
        square(axes, (end, MIDDLE), GREY)
    write(axes, (left + REACH / 2, 0), "neurons", POINTS, GREY, "center")
    write(axes, (column + STEP / 2, 0), "0.weight", POINTS, GREY, "center")


def draw_function(axes: Axes, left: float, values: Array) -> None:
    """The function that a network computes."""
    width, height = PLOT
    x = np.linspace(left, left + width, len(values))
    y = MIDDLE + height * (0.5 - (values - values.min()) / np.ptp(values))
    axes.plot(x, y, color=INK, linewidth=1.6)
    write(axes, (left + width / 2, 0), "what it computes", POINTS, GREY, "center")


def write_pictures(docs: Path) -> None:
    """The pictures as files, those that have changed."""
    maps = symmetry.EquivariantMaps(symmetry.load(docs.parent / "generated" / "mlp.toml"))
    for name, figure in (("neurons", permuted_neurons()), ("mlp", block_matrix(maps))):
        path, drawn = docs / f"{name}.png", picture(figure, "png")
        if not path.exists() or path.read_bytes() != drawn:
            path.write_bytes(drawn)
