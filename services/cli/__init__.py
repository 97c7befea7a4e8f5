"""The `leadstream` command, composed from the services' own groups."""
