"""Does a module compute the same when its weights move as a specification says?

`layergen.trace` asks this to prove what it derives, and users ask it of what they declared, by the name
`layergen.testing.assert_function_preserved`.
"""

from layergen.preservation.maximal import larger_symmetries
from layergen.preservation.preserved import assert_function_preserved, broken_by, broken_on, unnoticed_moves
from layergen.preservation.wider import assert_widening_preserved

__all__ = [
    "assert_function_preserved",
    "assert_widening_preserved",
    "broken_by",
    "broken_on",
    "larger_symmetries",
    "unnoticed_moves",
]
