"""The notebooks' figures, panels and moving pictures."""
