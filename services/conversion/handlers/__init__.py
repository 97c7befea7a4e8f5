"""Conversion's use cases."""
