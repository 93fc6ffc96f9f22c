"""Where people are signed in: one session for each browser, seen and ended by the person."""
