"""From a module to its weight space: unknown axes, an operator table, propagation, declaration, proof."""

from layergen.tracing.parameter_graph import automorphisms, parameter_graph
from layergen.tracing.trace import Trace, trace

__all__ = ["Trace", "automorphisms", "parameter_graph", "trace"]
