"""Consents: what a person lets an application know, and use for them."""
