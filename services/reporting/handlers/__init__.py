"""Reporting's use cases: store every event; grant and revoke access."""
