"""From YAML to a flat plan; Azure's SDK is not involved."""
