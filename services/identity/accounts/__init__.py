"""People, officers and programs: who can sign in, and how people are reached."""
