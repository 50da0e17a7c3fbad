"""The trusted side of a worker: the sandbox, the box, the limits, and the client that talks to
it.
"""
