"""What people do: reading it, whose it is, what it is about, whether a person did it. Pure."""
