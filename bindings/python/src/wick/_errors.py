"""What goes wrong, as an exception."""
from . import _raw


class Error(Exception):
    """A call of wick that failed, or a stream whose END says ERROR.

    `code` is a status of the header (negative), `name` its name without the prefix, such as "CONTEXT_FULL",
    `message` names the thing, the value and the way out.
    """

    def __init__(self, code: int, message: str = "") -> None:
        self.code = code
        self.name = _NAMES.get(code, str(code))
        self.message = message
        super().__init__(f"{self.name}: {message}" if message else self.name)

    def __reduce__(self):
        return Error, (self.code, self.message)


_NAMES = {
    value: name[len("WICK_E_") :]
    for name, value in vars(_raw).items()
    if name.startswith("WICK_E_") and isinstance(value, int)
}
