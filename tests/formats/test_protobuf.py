"""The wire format, with the examples of its documentation, and what is no message."""

import pytest

import cyprop
from cyprop.formats.onnx import protobuf


def read(data):
    return [
        (number, wire, value if isinstance(value, int) else bytes(value))
        for number, wire, value in protobuf.fields(memoryview(data))
    ]


def test_the_examples_of_the_documentation():
    assert read(bytes.fromhex("089601")) == [(1, 0, 150)]
    assert read(bytes.fromhex("120774657374696e67")) == [(2, 2, b"testing")]
    packed = bytes.fromhex("3206038e029ea705")
    [(number, wire, value)] = protobuf.fields(memoryview(packed))
    assert (number, wire, list(protobuf.numbers(value, 3))) == (6, 2, [3, 270, 86942])
    assert read(bytes.fromhex("1d0000803f" + "21000000000000f03f")) == [
        (3, 5, bytes.fromhex("0000803f")),
        (4, 1, bytes.fromhex("000000000000f03f")),
    ]


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, 2**32, 2**63 - 1, -1, -(2**63)])
def test_numbers_come_back(value):
    data = protobuf.number_field(5, value)
    [(number, wire, found)] = protobuf.fields(memoryview(data))
    assert (number, wire, protobuf.signed(found)) == (5, 0, value)
    assert list(protobuf.numbers(memoryview(protobuf.varint(value)), 1)) == [value]


def test_messages_come_back():
    inner = [protobuf.bytes_field(1, "\u00e9"), protobuf.number_field(2, 7)]
    [(number, _, value)] = protobuf.fields(memoryview(protobuf.message(16, inner)))
    assert number == 16
    assert protobuf.text(next(protobuf.fields(value))[2]) == "\u00e9"


@pytest.mark.parametrize(
    "data",
    [
        "08",  # a number that is missing
        "0896",  # and one that goes on
        "08" + "ff" * 10 + "01",  # of more than ten bytes
        "08" + "ff" * 9 + "02",  # and of more than 64 bits
        "1205616263",  # a length beyond the end
        "12ffffffff0f",
        "0b",  # the beginning of a group
        "0f",
        "0001",  # the number 0
        "1d0000",  # a number of four bytes, of which two are there
        "80808080803001",  # a number of a field beyond 2**29
    ],
)
def test_what_is_no_message_is_refused(data):
    with pytest.raises(cyprop.FormatError):
        read(bytes.fromhex(data))


def test_lists_and_texts_are_bounded():
    with pytest.raises(cyprop.FormatError, match="more than 2 whole numbers"):
        protobuf.numbers(memoryview(b"\1\2\3"), 2)
    with pytest.raises(cyprop.FormatError, match="more than 3 bytes"):
        protobuf.text(memoryview(b"abcd"), 3)
    with pytest.raises(cyprop.FormatError, match="not UTF-8"):
        protobuf.text(memoryview(b"\xff"))
    with pytest.raises(cyprop.FormatError, match="or that is none"):
        protobuf.text(3)


def test_payloads_are_views():
    data = memoryview(protobuf.bytes_field(9, bytes(1000)))
    [(_, _, value)] = protobuf.fields(data)
    assert value.obj is data.obj
