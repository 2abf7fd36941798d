from types import TracebackType

class Kept:
    """A team that is kept while it is entered, for all tasks that this thread gives.

    Its threads start with the first task that wants them.
    """

    def __enter__(self) -> Kept: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...

def dismiss() -> None:
    """End the threads of the team that this thread keeps, if it does; the next task starts others.

    A user's code that runs in between may fork, and Python warns where it sees threads. A signal
    handler's may run in the midst of a task: then they stay.
    """
