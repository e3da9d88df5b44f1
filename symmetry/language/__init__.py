"""The language of specifications: axis strings, names and sizes of indices, and the package's error class."""
