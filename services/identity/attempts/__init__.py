"""Attempts to prove who one is: the wrong ones are counted in the store, and those that follow have to wait."""
