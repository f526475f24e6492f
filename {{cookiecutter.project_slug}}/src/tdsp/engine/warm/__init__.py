"""Steps forked from a Python that has their imports loaded."""
