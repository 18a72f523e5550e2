"""Miniatures of models that decide between labels: recipes (NAME.toml), one trainer, one card."""
