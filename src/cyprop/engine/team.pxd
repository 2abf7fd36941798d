"""A team of threads that lives for one call (team.h)."""

cdef extern from "team.h" nogil:
    ctypedef struct Team "cyprop_team":
        Py_ssize_t n_parts
    ctypedef void (*Task "cyprop_task")(void *work, Py_ssize_t index, Team *team) noexcept nogil

    void run "cyprop_run"(Task task, void *work, Py_ssize_t n_parts) noexcept
    bint meet "cyprop_meet"(Team *team) noexcept
    void stop "cyprop_stop"(Team *team) noexcept
    bint stops "cyprop_stops"(Team *team) noexcept
    void desert "cyprop_desert"(Team *team) noexcept

    enum:
        LOOK "CYPROP_LOOK"
    long long now "cyprop_now"() noexcept
    void nap "cyprop_nap"() noexcept
