"""The limit pipeline: a city's journey by hand, as fast as it can be done with the same durable effects.

Raw aiokafka, raw motor, bare ASGI and kept SMTP connections; no kit, no framework, everything in batches. It is the
yardstick of the benches, kept honest by `tests/city/test_limit.py`, and an example of nothing else.
"""
