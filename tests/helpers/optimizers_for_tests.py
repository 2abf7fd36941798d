"""Every optimizer, each branch of its kernel once."""

import cyprop

# With a small epsilon a step has the size of the rate however small and rounded dθ is.
EVERY_OPTIMIZER = [
    cyprop.SGD(0.1),
    cyprop.SGD(0.02, momentum=0.9),
    cyprop.SGD(0.02, momentum=0.9, nesterov=True),
    cyprop.Adam(0.02, epsilon=1e-2),
    cyprop.AdamW(0.02, epsilon=1e-2, weight_decay=0.5),
    cyprop.RMSprop(0.01, epsilon=1e-2),
    cyprop.RMSprop(0.003, rho=0.9, epsilon=1e-2, momentum=0.8),
    cyprop.AdaGrad(0.05, epsilon=1e-2),
    cyprop.Optimizer("adam_of_sklearn", learning_rate=0.02, epsilon=1e-2),
]
