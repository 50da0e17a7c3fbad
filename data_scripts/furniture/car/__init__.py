"""Cars."""
