"""The paths that programs written for 0.1 import by still lead where they did."""

import cyprop
from cyprop import optimizers, storage


def test_storage_saves_and_loads(tmp_path):
    net = cyprop.Network([3, 4, 2])
    storage.save(net, tmp_path / "net", {"author": "Ada"})
    assert storage.load(cyprop.Network, tmp_path / "net") == net
    assert storage.read_metadata(tmp_path / "net") == {"author": "Ada"}
    assert storage.FormatError is cyprop.FormatError
    assert cyprop.storage is storage


def test_modules_are_attributes_of_the_package():
    assert cyprop.datasets.digits()[0].shape == (1797, 64)
    assert cyprop.interface.address("predict_float32") > 0


def test_optimizers_are_where_they_were():
    assert optimizers.SGD is cyprop.SGD
    assert optimizers.named("adam") == cyprop.Adam()
