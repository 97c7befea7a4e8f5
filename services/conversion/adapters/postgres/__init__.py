"""Conversion's tables: one statement a batch and table, arrays sorted by key."""
