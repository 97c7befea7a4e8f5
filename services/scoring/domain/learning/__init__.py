"""A score learned from outcomes: bins of facts, a weight for each, and a scoring document made of them. Pure, and plain Python."""
