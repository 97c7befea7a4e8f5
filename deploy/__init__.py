"""How Leadstream is run: the local stack, and what containers need."""
