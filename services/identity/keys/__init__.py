"""Signing keys: each is published long before it signs, signs for a month, and goes a day later."""
