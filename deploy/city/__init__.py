"""The sample city: its files, and what loads them into the services."""
