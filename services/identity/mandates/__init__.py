"""Mandates: a person acts for a company, a ward or another person, within limits that both sides know."""
