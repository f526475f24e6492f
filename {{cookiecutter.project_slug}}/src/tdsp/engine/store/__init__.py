"""What steps made, found again by what went into it."""
