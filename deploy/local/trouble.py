"""What a person at the command line must hear: what is wrong and what to do about it."""


class Trouble(Exception):
    """The city cannot do what was asked. Each line says what is wrong and what to do."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines
        super().__init__("\n".join(lines))
