"""Reporting's tables: writes (`store`), keys, and one file for each family of reads."""
