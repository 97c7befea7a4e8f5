"""The snippet of pages in a real browser."""
