"""What a student reads: a verdict in words, and the feedback page."""
