"""cyprop export: the header that Network.to_c writes."""

import re
from pathlib import Path

import cyprop


def test_the_header_is_that_of_to_c(run):
    run("train", "digits", "--epochs", 1)
    printed = run("export", "digits.safetensors", "digits.h")
    cyprop.Network.load("digits.safetensors").to_c("expected.h", "digits")
    assert Path("digits.h").read_bytes() == Path("expected.h").read_bytes()
    assert re.fullmatch(r"written +digits\.h, [\d,]+ bytes\n", printed)
    run("export", "digits.safetensors", "named.h", "--name", "digits")
    assert Path("named.h").read_bytes() == Path("expected.h").read_bytes()
