"""Faults injected into the running product under load, each judged by the same oracle. `python -m tests.chaos`."""
