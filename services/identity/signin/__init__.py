"""Signing in: the pages of /authorize."""
