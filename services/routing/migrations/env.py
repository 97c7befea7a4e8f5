"""Alembic's entry: this service's schema, as its own role."""

from shared.persistence.migrations import run_env

run_env()
