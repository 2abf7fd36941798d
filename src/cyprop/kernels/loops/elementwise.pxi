# Activations that take each element for itself. activations.h has their formulas, A = f(Z) and dA → dZ
# one above the other, and elementwise.h makes loops of them.
#
# To add one: write both formulas in activations.h, with ELEMENTWISE below, and register them here under
# the same name. Nothing else needs to know.

cdef extern from "arithmetic.h" nogil:
    const Elementwise leaky_relu_kernels "cyprop_leaky_relu"
    const Elementwise elu_kernels "cyprop_elu"
    const Elementwise selu_kernels "cyprop_selu"
    const Elementwise celu_kernels "cyprop_celu"
    const Elementwise gelu_kernels "cyprop_gelu"
    const Elementwise gelu_tanh_kernels "cyprop_gelu_tanh"
    const Elementwise silu_kernels "cyprop_silu"
    const Elementwise softplus_kernels "cyprop_softplus"
    const Elementwise mish_kernels "cyprop_mish"
    const Elementwise softsign_kernels "cyprop_softsign"
    const Elementwise relu6_kernels "cyprop_relu6"
    const Elementwise hard_sigmoid_kernels "cyprop_hard_sigmoid"
    const Elementwise hard_swish_kernels "cyprop_hard_swish"
    const Elementwise hard_tanh_kernels "cyprop_hard_tanh"
    const Elementwise log_sigmoid_kernels "cyprop_log_sigmoid"
    const Elementwise exponential_kernels "cyprop_exponential"

entry = new_elementwise(b"leaky_relu", b"he", &leaky_relu_kernels)
hyperparameter(&entry.rule, b"negative_slope", 0.01, 0, True, INFINITY)

entry = new_elementwise(b"elu", b"he", &elu_kernels)
entry.keeps_Z = True
hyperparameter(&entry.rule, b"alpha", 1, 0, False, INFINITY)

entry = new_elementwise(b"selu", b"lecun", &selu_kernels)
entry.keeps_Z = True

entry = new_elementwise(b"celu", b"he", &celu_kernels)
entry.keeps_Z = True
hyperparameter(&entry.rule, b"alpha", 1, 0, False, INFINITY)

entry = new_elementwise(b"gelu", b"he", &gelu_kernels)
entry.keeps_Z = True

entry = new_elementwise(b"gelu_tanh", b"he", &gelu_tanh_kernels)
entry.keeps_Z = True

entry = new_elementwise(b"silu", b"he", &silu_kernels)
entry.keeps_Z = True

entry = new_elementwise(b"softplus", b"he", &softplus_kernels)
entry.positive = True

entry = new_elementwise(b"mish", b"he", &mish_kernels)
entry.keeps_Z = True

entry = new_elementwise(b"softsign", b"glorot", &softsign_kernels)
entry.keeps_Z = True
entry.bounded = True

entry = new_elementwise(b"relu6", b"he", &relu6_kernels)
entry.bounded = True

entry = new_elementwise(b"hard_sigmoid", b"glorot", &hard_sigmoid_kernels)
entry.keeps_Z = True
entry.bounded = True

entry = new_elementwise(b"hard_swish", b"he", &hard_swish_kernels)
entry.keeps_Z = True

entry = new_elementwise(b"hard_tanh", b"glorot", &hard_tanh_kernels)
entry.bounded = True

entry = new_elementwise(b"log_sigmoid", b"glorot", &log_sigmoid_kernels)

entry = new_elementwise(b"exponential", b"glorot", &exponential_kernels)
entry.positive = True
