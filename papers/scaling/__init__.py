"""What signs and scales of neurons are worth to a metanetwork: zoos of tanh and of ReLU networks, fitted here."""
