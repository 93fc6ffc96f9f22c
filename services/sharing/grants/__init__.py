"""Grants: which department may use which fields of which resource, for what, on which basis, and until when."""
