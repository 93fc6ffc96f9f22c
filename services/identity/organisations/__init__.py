"""The division tree and the departments with their duties."""
