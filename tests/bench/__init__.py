"""Benches: what the network does at most and how long it takes, measured beside a limit pipeline made by hand.

`make bench` runs them (`ONLY=B1,B2` some); they are no part of the test run. A bench is a module with
`async def measure(console) -> Result`, named in `__main__.BENCHES`. What it is made of: `city` (a private city),
`load` (open-loop load from a process of its own: `generator` for requests, `browsers` for sign-ins), `residents`
(people in any number), `neighbours` (providers that we did not write), `meter` (CPU, memory, stolen time), `mails`
(when mails were accepted), `rounds` and `comparison` (ours and the `limit` in turns), `result`, `plot` and `page` (what
goes to docs/performance.md).
"""
