"""The names that `infra/main.bicep` gives to what a workspace needs, worked out before any of it exists."""

from __future__ import annotations

import string

from tdsp.azure import client

_LETTERS = string.ascii_lowercase + "234567"
_LOW, _ALL = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF
_ONE, _TWO = 0xAB0E9789, 0x239B961B


def of(where: client.Target) -> dict[str, str]:
    """Return type -> name of each thing whose name nobody else in the world may have."""
    suffix, slug = unique_string(where.group_id, where.slug, where.env)[:5], where.slug.replace("-", "")
    return {
        "Microsoft.Storage/storageAccounts": f"st{slug[:10]}{where.env}{suffix}",
        "Microsoft.KeyVault/vaults": f"kv-{slug[:10]}-{where.env}-{suffix}",
        "Microsoft.ContainerRegistry/registries": f"cr{slug[:38]}{where.env}{suffix}",
    }


def unique_string(*words: str) -> str:
    """Return what Bicep's function `uniqueString` makes of some words.

    It is a variant of MurmurHash (A. Appleby) of 64 bits in two halves, written in base 32. Microsoft does not document
    it; public ports of it agree, and the tests hold it to values that the service gave.
    """
    data = "-".join(words).encode()
    high = low = 0
    whole = len(data) - len(data) % 8
    for start in range(0, whole, 8):
        low = _turn(low ^ _mix(data[start : start + 4], _TWO, 15, _ONE), 19) + high
        low = (low * 5 + 0x561CCD1B) & _LOW
        high = _turn(high ^ _mix(data[start + 4 : start + 8], _ONE, 17, _TWO), 13) + low
        high = (high * 5 + 0x0BCAA747) & _LOW
    low ^= _mix(data[whole : whole + 4], _TWO, 15, _ONE) ^ len(data)
    high ^= _mix(data[whole + 4 :], _ONE, 17, _TWO) ^ len(data)
    low = (low + high) & _LOW
    high = (high + low) & _LOW
    low, high = _spread(low), _spread(high)
    low = (low + high) & _LOW
    number = ((high + low) & _LOW) << 32 | low
    return "".join(_LETTERS[(number << 5 * place & _ALL) >> 59] for place in range(13))


def _turn(number: int, bits: int) -> int:
    """Rotate 32 bits to the left."""
    return (number << bits | number >> 32 - bits) & _LOW


def _mix(data: bytes, before: int, bits: int, after: int) -> int:
    """Return up to four bytes as a number, scrambled; 0 for none."""
    return _turn(int.from_bytes(data, "little") * before & _LOW, bits) * after & _LOW


def _spread(number: int) -> int:
    """Let each bit have a say in all others."""
    number = (number ^ number >> 16) * 0x85EBCA6B & _LOW
    number = (number ^ number >> 13) * 0xC2B2AE35 & _LOW
    return number ^ number >> 16
