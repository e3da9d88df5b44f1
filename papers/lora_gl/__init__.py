"""Learning on LoRAs (Putterman et al., 2024): low-rank weights BA, to which any invertible matrix may be moved."""
