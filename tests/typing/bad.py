# pyright: strict
"""Mistakes that type checkers find, one in each line marked so: tools/check_types.py asks them."""

import numpy as np

import cyprop
from cyprop import datasetz  # wrong

net = cyprop.Network([2, 3, 1])
X, Y = np.zeros((4, 2)), np.zeros((4, 1))

cyprop.Netwrok([2, 3, 1])  # wrong
cyprop.datasetz  # wrong
cyprop.Network("2, 3, 1")  # wrong
cyprop.Network([2, 3, 1], activation="reluu")  # wrong
cyprop.Network([2, 3, 1], output_activation="softmaxx")  # wrong
cyprop.Network([2, 3, 1], loss="rmse")  # wrong
cyprop.Network([2, 3, 1], optimizer="adm")  # wrong
cyprop.Network([2, 3, 1], optimiser="adam")  # wrong
cyprop.Network([2, 3, 1], initializer="he")  # wrong
cyprop.Network([2, 3, 1], initializer=3)  # wrong
cyprop.Step()  # wrong
cyprop.Cosine(warmup="0.1")  # wrong
cyprop.check_gradients(net, X)  # wrong
cyprop.check_gradients(net, X, Y).worst  # wrong
cyprop.Activation("reluu")  # wrong
cyprop.SGD(lr=0.1)  # wrong
cyprop.Settings([2, 3, 1], loss="rmse")  # wrong
net.predicts(X)  # wrong
net.predict()  # wrong
net.train_on_batch(X)  # wrong
net.train_on_batch(X, Y, threads=2)  # wrong
net.step()  # wrong
net.step(net)  # wrong
net.step(net.gradients(X, Y), n_threads="2")  # wrong
net.vjp(X)  # wrong
net.gradients(X, Y).weigths  # wrong
net.learning_rate = "0.1"  # wrong
net.set_hyperparameters(momentum="0.9")  # wrong
net.optimizer = "adm"  # wrong
net.weights = ()  # wrong
net.settings = cyprop.Settings([2, 1])  # wrong
net.bind(X.tolist(), Y)  # wrong
net.handle().adress  # wrong
net.to_onnx()  # wrong
