"""Messages: one mail each, claimed, handed over, and never twice without being counted."""
