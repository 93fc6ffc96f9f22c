"""The embedded default: the whole city on one machine, without Docker."""
