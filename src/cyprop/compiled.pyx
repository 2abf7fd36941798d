"""What this installation was compiled with: the compiler says its name, setup.py the rest."""

cdef extern from * nogil:
    """
    #define CYPROP_TEXT_(x) #x
    #define CYPROP_TEXT(x) CYPROP_TEXT_(x)
    #if defined(__clang__)
        #define CYPROP_COMPILER "clang"
        #define CYPROP_COMPILER_VERSION __clang_version__
    #elif defined(__GNUC__)
        #define CYPROP_COMPILER "gcc"
        #define CYPROP_COMPILER_VERSION __VERSION__
    #elif defined(_MSC_VER)
        #define CYPROP_COMPILER "msvc"
        #define CYPROP_COMPILER_VERSION CYPROP_TEXT(_MSC_FULL_VER)
    #else
        #define CYPROP_COMPILER "unknown"
        #define CYPROP_COMPILER_VERSION "unknown"
    #endif
    """
    const char *CYPROP_COMPILER
    const char *CYPROP_COMPILER_VERSION
    const char *CYPROP_BUILD

compiler = CYPROP_COMPILER.decode()
compiler_version = CYPROP_COMPILER_VERSION.decode().strip()
build = CYPROP_BUILD.decode()        # JSON: versions of Cython and NumPy, flags, flags of each level
