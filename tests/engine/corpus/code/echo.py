"""Code of the corpus; never run by the contract test."""
