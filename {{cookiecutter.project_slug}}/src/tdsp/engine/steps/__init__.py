"""One module for each kind of step that runs here."""
