"""Chaos: a private city under load is harmed on purpose, and a checker that trusts nobody looks at what is left."""
