"""From a program to Python source: one operation at a time; nothing is decided here."""
