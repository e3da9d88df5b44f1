"""From a plan to Python source. Names are assigned first, then every step prints itself; nothing is decided here."""
