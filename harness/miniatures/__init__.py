"""Miniatures: small real instances of the architectures, trained on the drawn toy faces."""
