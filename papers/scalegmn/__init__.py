"""ScaleGMN (Kalogeropoulos et al., NeurIPS 2024): graph metanetworks that respect signs and scales of neurons."""
