"""The trusted side of a worker: the sandbox, the box, its limits, and the client."""
