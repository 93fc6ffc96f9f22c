"""Passwords: how they are kept, which nobody may choose, and changing one's own."""
