"""Teams of threads: what their members do (meeting.h), and who has a team for a task (team.pyx)."""

cdef extern from "meeting.h" nogil:
    ctypedef struct Team "cyprop_team":
        Py_ssize_t n_parts
    ctypedef void (*Task "cyprop_task")(void *work, Py_ssize_t index, Team *team) noexcept nogil

    bint meet "cyprop_meet"(Team *team) noexcept
    void stop "cyprop_stop"(Team *team) noexcept
    bint stops "cyprop_stops"(Team *team) noexcept
    void desert "cyprop_desert"(Team *team) noexcept
    long count "cyprop_add"(long *word, long n) noexcept       # word += n; the sum

    enum:
        LOOK "CYPROP_LOOK"
    long long now "cyprop_now"() noexcept
    void nap "cyprop_nap"() noexcept

cdef void run(Task task, void *work, Py_ssize_t n_parts) noexcept nogil
cdef void run_apart(Task task, void *work, Py_ssize_t n_parts) noexcept nogil
