"""Colours for parameters: the hue tells the core, the lightness how many entries share the parameter."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "GREY",
    "INK",
    "PALE",
    "Colour",
    "Core",
    "core_hues",
    "distinct",
    "hexadecimal",
    "oklch",
    "set_colours",
    "shades",
]

Core = tuple[str, ...]
"""The sets of the indices that survive from source to target."""
Colour = tuple[int, int, int]
"""Red, green and blue from 0 to 255."""

INK = "#22262e"
GREY = "#68707c"
PALE = "#9aa1ab"
"""The colours of text, of secondary text, and of lines."""

FIRST_HUES = (255.0, 35.0, 150.0, 320.0, 85.0, 200.0)
"""Blue, orange, green, purple, gold, teal: in OKLCH degrees, far apart in this order."""
GOLDEN = 137.508


def core_hues(cores: Iterable[Core]) -> dict[Core, float | None]:
    """A hue for each core in OKLCH degrees; None for the empty core, which is grey."""
    ordered = list(dict.fromkeys(cores))
    hues: dict[Core, float | None] = dict.fromkeys(core for core in ordered if not core)
    for number, core in enumerate(core for core in ordered if core):
        more = number - len(FIRST_HUES)
        hues[core] = FIRST_HUES[number] if more < 0 else (FIRST_HUES[-1] + GOLDEN * (more + 1)) % 360
    return hues


def oklch(lightness: float, chroma: float, hue: float) -> Colour:
    """The sRGB colour nearest to a colour in OKLCH: lightness from 0 to 1, chroma from 0 to 0.3, hue in degrees.

    References
    ----------
    Ottosson (2020), "A perceptual color space for image processing".
    """
    a, b = chroma * np.cos(np.radians(hue)), chroma * np.sin(np.radians(hue))
    cone = np.array(
        [[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728], [1, -0.0894841775, -1.291485548]]
    )
    linear: NDArray[np.float64] = (
        np.array(
            [
                [4.0767416621, -3.3077115913, 0.2309699292],
                [-1.2684380046, 2.6097574011, -0.3413193965],
                [-0.0041960863, -0.7034186147, 1.707614701],
            ]
        )
        @ (cone @ np.array([lightness, a, b])) ** 3
    )
    linear = linear.clip(0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    red, green, blue = (encoded * 255).round().astype(int).tolist()
    return red, green, blue


def shades(hue: float | None, number: int, depth: float) -> list[Colour]:
    """`number` colours of one hue, from dark to light; a larger `depth`, from 0 to 1, makes them all darker.

    Neighbouring colours also differ a little in hue, which tells them apart where there are many.
    """
    low, high = (0.85, 0.955) if hue is None else (0.70 - 0.18 * depth, 0.90 - 0.06 * depth)
    found = []
    for place in range(number):
        share = place / (number - 1) if number > 1 else 0.35
        lightness = low + (high - low) * share
        wobble = 0 if number < 3 else (-16, 16, 0)[place % 3]
        found.append(oklch(lightness, 0.006 if hue is None else 0.15 - 0.085 * share, (hue or 260.0) + wobble))
    return found


def distinct(colours: Iterable[Colour]) -> list[Colour]:
    """The colours, where one that came before is replaced by the new colour nearest to it in blue."""
    found: dict[Colour, None] = {}
    for red, green, blue in colours:
        steps = ((red, green, (blue + sign * step) % 256) for step in count() for sign in (1, -1))
        found[next(colour for colour in steps if colour not in found)] = None
    return list(found)


def hexadecimal(colour: Colour) -> str:
    """A colour in the form that matplotlib reads, `#rrggbb`."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def set_colours(names: Iterable[str]) -> dict[str, str]:
    """A colour for each set, in the order in which they first occur."""
    hues = core_hues([(name,) for name in names])
    return {core[0]: hexadecimal(oklch(0.58, 0.15, hue or 0.0)) for core, hue in hues.items()}
