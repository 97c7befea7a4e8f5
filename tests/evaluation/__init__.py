"""How well capture tells who is who, on any file with a column that knows."""
