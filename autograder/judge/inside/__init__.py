"""The untrusted side of a worker. It is staged into the sandbox whole, and imports nothing of ours.

What a message is made of, for both sides of the connection:

    frames       messages over a socket, within bounds
    codec        values as JSON and tensors, and back
    vocabulary   what may be said of objects and exceptions that are not sent
    calls        a call of a task: its gradient, and whether it wrote into its arguments

The process that runs a submission:

    worker       starts, confines itself, and answers requests
    session      a submission's notebook: its cells, and calls of what they define
    shell        IPython, without a terminal
    outputs      what cells print and display
    names        what the names of a notebook meant, and which of them a task uses
    defaults     settings that each call starts with
    blocker      calls that a task may not make
    confine      limits, and rights that are given up
    mounts       file systems of one worker's own
    zygote       has imported everything, and forks workers

A copy of `statements.py` from course_utils/notebook is staged as one more module.
"""
