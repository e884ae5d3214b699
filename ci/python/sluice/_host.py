"""What the machine must have: refused with a message before anything that needs it is loaded."""
import os

GLIBC = (2, 36)


def _glibc() -> "tuple[int, int] | None":
    """The version of the C library, or None where it is another one than glibc."""
    try:
        text = os.confstr("CS_GNU_LIBC_VERSION")
    except (AttributeError, OSError, ValueError):
        return None
    numbers = (text or "").partition("glibc ")[2].split(".")
    if len(numbers) < 2 or not all(number.isdecimal() for number in numbers[:2]):
        return None
    return int(numbers[0]), int(numbers[1])


def check() -> None:
    """ImportError on a host without glibc 2.36 or newer. The processor is asked by the library."""
    found = _glibc()
    if found is None or found < GLIBC:
        here = "no glibc" if found is None else f"glibc {found[0]}.{found[1]}"
        raise ImportError(
            f"sluice needs glibc {GLIBC[0]}.{GLIBC[1]} or newer (Debian 12, Ubuntu 23.04), and "
            f"this machine has {here}: use a newer system or a container of one")
