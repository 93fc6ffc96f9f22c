"""Registrations: how somebody becomes known by proof, online or at a window."""
