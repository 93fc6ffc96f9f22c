"""Revocations of nothing, one a minute: every service tells by them how long a real one takes."""
