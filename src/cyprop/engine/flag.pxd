"""A flag that one thread at a time holds (flag.h)."""

cdef extern from "flag.h" nogil:
    bint is_held "cyprop_flag_is_held"(volatile long *flag) noexcept
    bint take "cyprop_flag_take"(volatile long *flag) noexcept     # false if another holds it
    void give "cyprop_flag_give"(volatile long *flag) noexcept
