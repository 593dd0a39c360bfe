"""Builds the compiled merge kernels where there is a C++ compiler; without one, leaves them out."""

import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CCompilerError, ExecError, PlatformError

NATIVE = "optimerge/merge/kernels/native"
FLAGS = (
    "-std=c++17",
    "-O3",
    "-g0",
    "-ffp-contract=off",  # every back end rounds each operation: the same bytes everywhere
    "-fno-trapping-math",
    "-fvisibility=hidden",
    "-Wno-psabi",
)


class BuildKernels(build_ext):
    """Compiles with the flags that keep the results exact; fails with one line, not an error."""

    def build_extension(self, ext: Extension) -> None:
        """Build the library, or say once why it is left out."""
        try:
            if self.compiler.compiler_type == "msvc":
                raise PlatformError("g++ or clang++ is needed")
            super().build_extension(ext)
        except (CCompilerError, ExecError, PlatformError, OSError) as error:
            sys.stderr.write(
                f"optimerge: the compiled merge kernels are left out ({error}); merges will use "
                "torch, which is slower. With a C++ compiler (g++ or clang++), install again.\n"
            )


setup(
    cmdclass={"build_ext": BuildKernels},
    ext_modules=[
        Extension(
            "optimerge.merge.kernels.compiled",
            sources=[f"{NATIVE}/{name}.cpp" for name in ("library", "baseline", "v3", "v4")],
            depends=sorted(map(str, Path(NATIVE).glob("*.h"))),
            extra_compile_args=list(FLAGS),
            language="c++",
            optional=True,
        )
    ],
)
