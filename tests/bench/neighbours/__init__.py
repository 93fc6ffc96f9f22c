"""OpenID providers that we did not write, beside which B11 measures identity: npm oidc-provider, and canaille (PyPI).

Each is installed once, on demand, into the cache from its lock here. Where one cannot be, the page says why.
"""
