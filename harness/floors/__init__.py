"""Fitting the floors: models that any other should be better than (docs/baselines.md). No torch is imported here."""

NAMES = ("majority", "prior", "clip-probe")
