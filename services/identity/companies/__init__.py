"""Companies: known by their unified social credit code, with the person who represents them."""
