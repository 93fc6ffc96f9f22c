"""Personal data as a whole: found by it, told to whom it is about, forgotten."""
