"""Whether a thread's stack has room for the kernels (stack.h)."""

cdef extern from "stack.h" nogil:
    bint has_stack "cyprop_has_stack"(size_t size) noexcept

# The largest frames are those of dW and of the step for several rows of float64, 88 KiB, with 53 KiB of
# the sums over what is not zero and 8 KiB of what these call, and 11 KiB of a team below them: GCC's
# -fstack-usage, for all instruction sets. tests/engine/test_small_stacks.py looks for a crash.
cdef enum:
    STACK_OF_KERNELS = 172032    # bytes that a call of any kernel takes at most
    STACK_OF_A_ROW = 12288       # the same of those for one row


cdef inline int need_stack(size_t size) except -1:
    """An error unless the calling thread has that much of its stack left."""
    if not has_stack(size):
        raise RuntimeError(
            f"this thread has less than {size // 1024} KiB of its stack left, which this call needs;"
            " start it with a larger one: threading.stack_size(262144)"
        )
    return 0
