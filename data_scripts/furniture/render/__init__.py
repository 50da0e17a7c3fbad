"""Solids, materials, light and camera: from a model's parts to its pictures."""
