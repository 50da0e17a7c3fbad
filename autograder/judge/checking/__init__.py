"""The hidden checks, run against a submission that is here, or against one that is in a worker."""
