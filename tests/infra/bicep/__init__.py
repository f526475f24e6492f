"""Bicep without its compiler: read it, judge it against Microsoft's resource types, and work out what it would make."""
