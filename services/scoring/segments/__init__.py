"""Segments: which named groups a lead belongs to, kept up to date by a lane of its own beside scoring's."""
