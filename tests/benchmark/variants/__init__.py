"""The same hop done in different ways, each a process of its own. Where they read and write is told by `place`."""
