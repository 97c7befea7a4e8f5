"""The capture service's decisions: what a submission says, whose it is, what a lead's facts are. No I/O, no clock."""
