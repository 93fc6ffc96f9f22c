"""Signing in: authorization code with PKCE for people, client credentials for programs."""
