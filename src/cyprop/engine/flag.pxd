"""A flag that one thread at a time holds, and a count that others read without the GIL (flag.h)."""

cdef extern from "flag.h" nogil:
    # 0 if nobody holds it
    long holder "cyprop_flag_holder"(volatile long *flag) noexcept
    # false if another holds it
    bint take "cyprop_flag_take"(volatile long *flag, long holder) noexcept
    void give "cyprop_flag_give"(volatile long *flag) noexcept

    void add "cyprop_flag_add"(volatile long *count, long more) noexcept
