"""The finite and compact groups that act on representation indices."""
