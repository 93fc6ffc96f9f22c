"""Contacts: how a person is reached, as identity last said."""
