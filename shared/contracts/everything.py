"""Imports every owner, so that the registry is whole."""

from shared.contracts import department, identity, intake, notifications, sharing

__all__ = ["department", "identity", "intake", "notifications", "sharing"]
