"""What a submission's code says, with nothing run: names, forbidden calls, what is worth a flag."""
