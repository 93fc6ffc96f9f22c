"""Exchanges: each wish for shared data, from the question under a grant to the answer or its refusal."""
