"""Which of the wheels whose paths come on standard input this interpreter's pip would take: JSON list of paths."""

import email.parser
import json
import os
import platform
import sys
import zipfile

from pip._vendor.packaging.specifiers import SpecifierSet
from pip._vendor.packaging.tags import sys_tags
from pip._vendor.packaging.utils import parse_wheel_filename

TAGS = set(sys_tags())


def fits(path: str) -> bool:
    if not parse_wheel_filename(os.path.basename(path))[3] & TAGS:
        return False
    with zipfile.ZipFile(path) as wheel:
        name = next(n for n in wheel.namelist() if n.endswith(".dist-info/METADATA") and n.count("/") == 1)
        requires = email.parser.Parser().parsestr(wheel.read(name).decode("utf-8"), headersonly=True)["Requires-Python"]
    return requires is None or SpecifierSet(requires).contains(platform.python_version(), prereleases=True)


print(json.dumps([path for path in sys.stdin.read().splitlines() if fits(path)]))
