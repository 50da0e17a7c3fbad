"""Scripts that make or fetch the data: the furniture world, and the real data sets."""
