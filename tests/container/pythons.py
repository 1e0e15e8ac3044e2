"""An image in which Python programs of ours run: the interpreter that runs the tests, and what a service loads.

Files are linked where the image lies on their file system, else copied. All of it stands below ``/usr/local/python``.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

HOME = "/usr/local/python"
RUN = (  # how a program starts it
    f"PYTHONHOME={HOME} PYTHONPATH={HOME}/site PYTHONDONTWRITEBYTECODE=1 LD_LIBRARY_PATH={HOME}/lib {HOME}/bin/python"
)
_OURS = Path(__file__).parents[2]
_LOADED = "import sys, {module}; print(*(m.__file__ for m in [*sys.modules.values()] if getattr(m, '__file__', None)))"
_LEFT_OUT = shutil.ignore_patterns("site-packages", "test", "tests", "__pycache__", "idlelib", "tkinter", "_tkinter*")


def put(image: Path, module: str) -> None:
    """The interpreter, its library, and every package that ``module`` loads, into the image's tree."""
    top, standard = image / HOME[1:], Path(sysconfig.get_path("stdlib"))
    _put_tree(standard, top / "lib" / standard.name)
    (top / "bin").mkdir()
    shutil.copy(os.path.realpath(sys.executable), top / "bin/python")
    (top / "site").mkdir()
    for package in sorted(set(_packages(module))):
        if package.is_dir():
            _put_tree(package, top / "site" / package.name)
        else:
            _put(str(package), str(top / "site" / package.name))
    for library in sorted(set(_libraries(top))):
        shutil.copy(os.path.realpath(library), top / "lib" / os.path.basename(library))
        if "/ld-linux" in library:  # programs name it by its full path
            (image / library[1:]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(os.path.realpath(library), image / library[1:])


def _packages(module: str) -> Iterator[Path]:
    """What lies at the top of a folder that modules are found in, beside the standard library's."""
    command = (sys.executable, "-c", _LOADED.format(module=module))
    told = subprocess.run(command, check=True, capture_output=True, text=True, cwd=_OURS).stdout
    places = [Path(sysconfig.get_path("purelib")), Path(sysconfig.get_path("platlib")), _OURS]
    for path in map(Path, told.split()):
        for place in places:
            if path.is_relative_to(place):
                yield place / path.relative_to(place).parts[0]
                break


def _libraries(top: Path) -> Iterator[str]:
    """The shared libraries that programs and extensions below ``top`` name."""
    binaries = [str(path) for path in (*top.rglob("*.so"), top / "bin/python")]
    told = subprocess.run(("ldd", *binaries), check=False, capture_output=True, text=True).stdout
    yield from (word for word in told.split() if word.startswith("/") and not word.endswith(":"))


def _put_tree(source: Path, target: Path) -> None:
    shutil.copytree(source, target, ignore=_LEFT_OUT, copy_function=_put)


def _put(source: str, target: str) -> None:
    try:
        os.link(os.path.realpath(source), target)
    except OSError:
        shutil.copy(source, target)
