"""The judge: takes a submission, returns a verdict. The centre is `judge` in judge.py."""
