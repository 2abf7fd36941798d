from cyprop.interface cimport (
    BAD_WEIGHT, BUSY, FLOAT32, FLOAT64, HALF_UPDATED, MISALIGNED, NEGATIVE_COUNT, NOT_FINITE,
    NULL_POINTER, OK, STALE, WRONG_DTYPE, Model, dtype, error_message, input_gradient_float32,
    input_gradient_float64, learn_one_float32, learn_one_float64, learn_weighted_float32,
    learn_weighted_float64, model_of, n_inputs, n_outputs, n_parameters, predict_float32,
    predict_float64, predict_rows_float32, predict_rows_float64, scratch_size,
)
