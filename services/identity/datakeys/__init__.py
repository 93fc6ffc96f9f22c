"""Data keys: one for each person, closed by a master key; with it goes all that is personal of them."""
