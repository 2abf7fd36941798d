"""Only here to tell the compiler where cyprop.h is."""

from setuptools import Extension, setup

import cyprop

setup(
    ext_modules=[Extension("inverse", ["inverse.c"], include_dirs=[cyprop.get_include()])],
    py_modules=[],
)
