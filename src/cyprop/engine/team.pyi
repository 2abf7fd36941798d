from types import TracebackType

class Kept:
    """A team that is kept while it is entered, for all tasks that this thread gives."""

    def __enter__(self) -> Kept: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...

def dismiss() -> None:
    """End the threads of the team that this thread keeps; the next task starts others."""
