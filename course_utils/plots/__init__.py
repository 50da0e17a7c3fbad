"""The notebooks' figures, panels and animations."""
