"""Every mistake that can be known before anything runs."""
