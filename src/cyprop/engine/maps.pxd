"""Maps of inputs and outputs, which stand in front of the chain rule and behind it."""

from cyprop.engine.model cimport Batch, Model, has_maps, input_size, output_size, whole_lines


cdef inline Py_ssize_t room_for_maps(const Model *model, Py_ssize_t n) noexcept nogil:
    """Bytes of scratch for n rows of X, and of Y or dA, on the other side of a map."""
    return (
        whole_lines(n * input_size(model) * model.itemsize)
        + whole_lines(n * output_size(model) * model.itemsize)
    )


cdef inline Py_ssize_t room_of_maps(const Model *model, Py_ssize_t n) noexcept nogil:
    """The same where there are maps, else nothing."""
    return room_for_maps(model, n) if has_maps(model) else 0


cdef inline char *behind_inputs(const Model *model, Py_ssize_t n, char *room) noexcept nogil:
    """Where Y or dA lies in the room for n rows."""
    return room + whole_lines(n * input_size(model) * model.itemsize)


cdef inline void map_outputs(const Model *model, Py_ssize_t n, char *out) noexcept nogil:
    """(A − offset)·scale in place, for n rows without gaps."""
    cdef Py_ssize_t n_out = output_size(model)
    model.kernels.map_rows[model.dtype](
        n, n_out, out, n_out, NULL, model.maps.output_offset, model.maps.output_scale, out, n_out)


cdef inline void scale_error(
    const Model *model, Py_ssize_t n, const char *dA, char *scaled,
) noexcept nogil:
    """∂C/∂A⁽ᴸ⁾ from the derivative by what the map makes of A⁽ᴸ⁾"""
    model.kernels.scale_columns[model.dtype](
        n, output_size(model), dA, model.maps.output_scale, scaled)


cdef inline void scale_input_gradient(
    const Model *model, Py_ssize_t n, char *dX,
) noexcept nogil:
    """∂C/∂X by the inputs as they come, from that by what their map makes of them; in place"""
    model.kernels.scale_columns[model.dtype](
        n, input_size(model), dX, model.maps.input_scale, dX)


cdef void map_batch(
    const Model *model, Py_ssize_t first, Py_ssize_t end, char *room, Batch *batch) noexcept nogil
cdef void predict_through_maps(
    const Model *model, Py_ssize_t n, const char *X, Py_ssize_t X_stride, char *out,
    char *scratch) noexcept nogil
cdef double learn_through_maps(
    Model *model, const char *x, const char *y, const double *weight, char *scratch) noexcept nogil
