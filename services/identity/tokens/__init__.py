"""Tokens: given for codes, for refresh tokens and to programs that prove who they are."""
