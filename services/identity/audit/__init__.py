"""What was done in identity: noted with each act, kept in a chain, sealed each hour."""
