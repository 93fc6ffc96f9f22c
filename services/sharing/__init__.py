"""Sharing: data resources on offer, grants to use them, and every exchange of data between departments."""
