"""Industry templates: a folder each of fields, mapping, scoring model, segments, assignment rules and gate, with their cases."""
