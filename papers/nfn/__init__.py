"""The layers of the package nfn (Zhou et al. 2023), held against the equivariant maps of their weight spaces."""
