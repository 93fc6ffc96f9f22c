"""Pages in a real browser: Chromium, driven by Playwright, against the service in this process."""
