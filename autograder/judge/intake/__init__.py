"""The untrusted submission: its notebook, its weights, and the files beside them."""
