"""Networks that transformers does not have, written here over its blocks; each reads its published checkpoint as it is.

Importing a port registers it with transformers' Auto classes under the model type of the published config.json, so that
nothing that came with a checkpoint is ever executed.
"""
