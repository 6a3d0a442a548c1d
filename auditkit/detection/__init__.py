"""Real or made: a panel of small detectors, what its answers are worth, and when it gives none."""
