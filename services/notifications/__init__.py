"""Notifications: people are told how their cases go, by mail, each thing once."""
