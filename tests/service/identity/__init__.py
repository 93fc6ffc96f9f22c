"""Identity in process: its HTTP over the store's twin and a bus in memory."""
