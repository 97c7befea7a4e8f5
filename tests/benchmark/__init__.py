"""Measurements of the product beside other ways of doing the same, correctness counted in the same runs."""
