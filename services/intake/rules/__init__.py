"""Rules of law and the working-day calendar, as data."""
