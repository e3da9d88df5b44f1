"""Methods that learn from networks' weights, each on the same networks with the same processor time."""
