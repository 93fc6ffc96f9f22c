"""Noting acts, and keeping what was noted so that a change of it can be found (ADR 20)."""
