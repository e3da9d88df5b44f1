"""The finite and compact groups that act on representation indices, and the representations that can be declared."""
