compiler: str
compiler_version: str
build: str
