"""Threads with the smallest stacks: each call is right there, or says that there is too little."""

import subprocess
import sys

import pytest

# Everything is done once in the main thread, so that the small one need import nothing.
PROGRAM = """
import copy, os, pickle, sys, tempfile, threading
import numpy as np
import cyprop

size, sizes, dtype = int(sys.argv[1]), [int(n) for n in sys.argv[2].split("-")], sys.argv[3]
optimizer = cyprop.SGD(0.01) if sys.argv[4] == "sgd" else cyprop.Adam()
net = cyprop.Network(sizes, "tanh", loss="cross_entropy", dtype=dtype, optimizer=optimizer)
rng = np.random.default_rng(0)
X = rng.random((100, sizes[0])).astype(dtype)
Y = np.eye(sizes[-1], dtype=dtype)[rng.integers(0, sizes[-1], 100)]
sparse = X * (rng.random(X.shape) < 0.1).astype(dtype)
x, y, out = X[0].copy(), Y[0].copy(), np.empty(sizes[-1], dtype)
other = "float64" if dtype == "float32" else "float32"
zeros = np.zeros_like(net.parameters)
path = os.path.join(tempfile.mkdtemp(), "net")
row, rows = net.bind(x, out), net.bind(X, np.empty_like(Y))
handle = net.handle()

def numbers(gradients):
    return gradients.parameters

calls = {
    "predict": lambda net: net.predict(x),
    "predict into": lambda net: net.predict(x, out),
    "predict (1, n)": lambda net: net.predict(x[None]),
    "predict other": lambda net: net.predict(x.astype(other)),
    "predict list": lambda net: net.predict(x.tolist()),
    "predict 8": lambda net: net.predict(X[:8]),
    "predict rows": lambda net: net.predict(X),
    "predict on threads": lambda net: net.predict(X, n_threads=4),
    "bound row": lambda net: row(),
    "bound rows": lambda net: rows(),
    "bind": lambda net: net.bind(X, np.empty_like(Y))(),
    "evaluate": lambda net: net.evaluate(X, Y),
    "gradients": lambda net: numbers(net.gradients(X, Y)),
    "gradients of few inputs": lambda net: numbers(net.gradients(sparse, Y)),
    "vjp": lambda net: numbers(net.vjp(X, Y)),
    "jacobian": lambda net: net.jacobian(X[:3]),
    "learn_one": lambda net: net.learn_one(x, y),
    "learn_one other": lambda net: net.learn_one(x.astype(other), y.tolist()),
    "train_on_batch": lambda net: net.train_on_batch(X, Y),
    "train_on_batch of few inputs": lambda net: net.train_on_batch(sparse, Y),
    "train_on_batch of one": lambda net: net.train_on_batch(x[None], y[None]),
    "step": lambda net: net.step(zeros),
    "fit": lambda net: net.fit(X, Y, epochs=1).loss,
    "set": lambda net: net.set_hyperparameters(learning_rate=0.5),
    "copy": lambda net: copy.copy(net).parameters,
    "deepcopy": lambda net: copy.deepcopy(net).parameters,
    "pickle": lambda net: pickle.loads(pickle.dumps(net)).parameters,
    "save": lambda net: net.save(path),
    "load": lambda net: cyprop.Network.load(path).parameters,
    "handle": lambda net: net.handle().scratch_size(100),
}

def known(found):
    return np.array(0 if found is None else found)

def result(call):
    twin = copy.deepcopy(net)
    try:
        found = call(twin)
    except RuntimeError as error:
        return str(error), None
    return known(found), twin.parameters.copy()

net.save(path)
expected = {name: result(call) for name, call in calls.items()}
calls["deepcopy"](net)
twins = {name: copy.deepcopy(net) for name in calls}
for name, call in calls.items():
    said = []

    def work():
        try:
            said.append(call(twins[name]))
        except RuntimeError as error:
            said.append(error)

    threading.stack_size(size)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    threading.stack_size(0)
    found = said[0]
    if isinstance(found, RuntimeError):
        assert "of its stack left, which this call needs" in str(found), found
        print("refused", name, flush=True)
        continue
    assert np.array_equal(known(found), expected[name][0]), name
    assert np.array_equal(twins[name].parameters, expected[name][1]), name
    print("right", name, flush=True)
print("end")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="others have no way to ask for the room left")
@pytest.mark.parametrize("kib", [32, 64, 96, 112, 128, 144, 176, 256])
@pytest.mark.parametrize(
    ("sizes", "dtype", "optimizer"),
    [
        ("4-8-3", "float32", "adam"),
        ("4-8-3", "float64", "sgd"),
        ("20-2000-10", "float32", "sgd"),
        ("300-1000-5", "float64", "adam"),
        ("300-1000-5", "float64", "sgd"),
    ],
)
def test_a_small_stack_is_enough_or_refused(kib, sizes, dtype, optimizer):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(kib * 1024), sizes, dtype, optimizer],
        capture_output=True,
        text=True,
        timeout=120,
    )
    lines = done.stdout.split("\n")
    assert done.returncode == 0, (lines[-3:], done.stderr[-2000:])
    assert "end" in lines
    if kib == 256:
        assert not [line for line in lines if line.startswith("refused")]
