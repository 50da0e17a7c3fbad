"""The untrusted side of a worker: what is staged into the sandbox, whole. Nothing of the course."""
