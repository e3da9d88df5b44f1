"""What is learned at one width and asked at others: weights as they are, by fan-in, and outputs."""
