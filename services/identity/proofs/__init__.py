"""Proofs: what somebody shows to be who they are, and who confirms each kind."""
