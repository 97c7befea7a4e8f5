"""Files that are refused as a whole, before their first row."""


class FileRefused(Exception):
    """Why a file cannot be imported, for people; never holds what stands in it."""
