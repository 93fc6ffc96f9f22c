"""Messaging: journal entries out (relay), events in (lane), reference data in (table), what failed (parked)."""
