"""The hidden checks, run on functions of this process or on a submission in a worker."""
