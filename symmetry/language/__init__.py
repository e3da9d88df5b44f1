"""The language of specifications: axis expressions, names, and the one error."""
