"""Azure on the loopback: what the unmodified SDK, `az` and `gh` call, in memory and held to the contract."""

from emulator.cloud import Cloud, Record

__all__ = ["Cloud", "Record"]
