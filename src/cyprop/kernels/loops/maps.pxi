# Maps of inputs and outputs: an offset and a scale for each column, and the way back. Each element is
# rounded twice, and no sum is taken, so that neither vectors nor batches can change a bit.

cdef void map_rows(
    Py_ssize_t n, Py_ssize_t n_columns, const floating *X, Py_ssize_t X_stride,
    const Py_ssize_t *order, const floating *restrict offset, const floating *restrict scale,
    floating *mapped, Py_ssize_t mapped_stride,
) noexcept nogil:
    """x′ = (x − offset) · scale"""
    cdef const floating *x
    cdef floating *target
    cdef Py_ssize_t i, j
    for i in range(n):
        x = X + (i if order == NULL else order[i]) * X_stride
        target = mapped + i * mapped_stride
        for j in range(n_columns):
            target[j] = (x[j] - offset[j]) * scale[j]


cdef void map_back(
    Py_ssize_t n, Py_ssize_t n_columns, const floating *Y, Py_ssize_t Y_stride,
    const floating *restrict offset, const floating *restrict scale,
    floating *mapped, Py_ssize_t mapped_stride,
) noexcept nogil:
    """a = y / scale + offset"""
    cdef Py_ssize_t i, j
    for i in range(n):
        for j in range(n_columns):
            mapped[i * mapped_stride + j] = Y[i * Y_stride + j] / scale[j] + offset[j]


cdef void scale_columns(
    Py_ssize_t n, Py_ssize_t n_columns, const floating *dA, const floating *restrict scale,
    floating *scaled,
) noexcept nogil:
    """dx = dx′ · scale, of rows without gaps; both may be the same place"""
    cdef Py_ssize_t i, j
    for i in range(n):
        for j in range(n_columns):
            scaled[i * n_columns + j] = dA[i * n_columns + j] * scale[j]

table.map_rows[0] = <MapRows> map_rows[float]
table.map_rows[1] = <MapRows> map_rows[double]
table.map_back[0] = <MapBack> map_back[float]
table.map_back[1] = <MapBack> map_back[double]
table.scale_columns[0] = <ScaleColumns> scale_columns[float]
table.scale_columns[1] = <ScaleColumns> scale_columns[double]
