"""Dimensions proved by other routes than the formula; no module here shares code with `symmetry.maps.counting`."""
