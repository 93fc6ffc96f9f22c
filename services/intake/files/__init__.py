"""Uploaded files, content-addressed in an object store."""
