"""Sofas."""
