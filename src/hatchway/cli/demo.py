"""placeholder"""


def demo() -> None:
    """Offline tour."""
