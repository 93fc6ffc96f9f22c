"""The signing key: made once, closed with a passphrase in the store, its public half on `identity.keys`."""
