"""Service items: what one can apply for, with its guide."""
