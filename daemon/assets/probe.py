"""Report what an installer must know about this interpreter, as one line of JSON.

Run as `python -S -B probe.py <token> [<umask>]` in the environment and the folder of the caller. The answer is the line of standard output that starts with <token>;
whatever sitecustomize or .pth files print stands on other lines. Facts only, no judgement: see daemon/python/interpreter-facts.ts.
Every Python since 2.7 must be able to parse this file, so that an old one can at least tell its version.
"""
from __future__ import print_function

import json
import os
import sys

VENV = "/@pipd-venv@"

if len(sys.argv) > 2:
    # The daemon's own is 077, and what sitecustomize or .pth files write is the caller's.
    os.umask(int(sys.argv[2], 8))


def write(facts):
    # Not print(): sitecustomize may have replaced sys.stdout. A partial line before the answer must not hide it.
    data = ("\n" + sys.argv[1] + json.dumps(facts) + "\n").encode("ascii")
    sys.stdout.flush()
    while data:
        data = data[os.write(1, data):]


def absolute_without_duplicates(paths):
    known, result = set(), []
    for path in paths:
        path = os.path.abspath(path)
        if path not in known:
            known.add(path)
            result.append(path)
    return result


def elf_header(path):
    import struct

    try:
        with open(path, "rb") as file:
            head = file.read(64)
    except (IOError, OSError, TypeError):
        return None, None
    if head[:4] != b"\x7fELF" or len(head) < 52:
        return None, None
    elf_class, encoding = struct.unpack("2B", head[4:6])
    order = {1: "<", 2: ">"}.get(encoding)
    form = {1: "HHIIIIIHHH", 2: "HHIQQQIHHH"}.get(elf_class)
    if order is None or form is None:
        return None, None
    try:
        fields = struct.unpack_from(order + form, head, 16)
    except struct.error:
        return None, None
    header = {"elfClass": elf_class, "encoding": encoding, "machine": fields[1], "flags": fields[6]}
    return header, elf_interpreter(path, order, elf_class, fields[4], fields[8], fields[9])


def elf_interpreter(path, order, elf_class, offset, size, count):
    import struct

    form, positions = ("IIIIIIII", (0, 1, 4)) if elf_class == 1 else ("IIQQQQQQ", (0, 2, 5))
    try:
        with open(path, "rb") as file:
            for index in range(count):
                file.seek(offset + size * index)
                row = struct.unpack(order + form, file.read(struct.calcsize(order + form)))
                kind, start, length = (row[position] for position in positions)
                if kind == 3:  # PT_INTERP
                    file.seek(start)
                    return file.read(length).decode("utf-8", "replace").strip("\0")
    except (IOError, OSError, struct.error):
        pass
    return None


def musl_loader(interpreter):
    if interpreter is None or "musl" not in interpreter:
        return None
    import subprocess

    try:
        process = subprocess.Popen([interpreter], stderr=subprocess.PIPE, stdout=subprocess.PIPE)
        return process.communicate()[1].decode("utf-8", "replace")
    except OSError:
        return None


def glibc_version():
    try:
        return os.confstr("CS_GNU_LIBC_VERSION").rsplit()[1]
    except (AttributeError, OSError, ValueError, IndexError):
        pass
    try:
        import ctypes

        function = ctypes.CDLL(None).gnu_get_libc_version
        function.restype = ctypes.c_char_p
        return function().decode("ascii")
    except (ImportError, OSError, AttributeError, TypeError, ValueError):
        return None


def manylinux_refused(glibc, system_platform):
    try:
        import _manylinux
    except ImportError:
        return None
    try:
        top = [int(part) for part in glibc.split(".")[:2]]
    except (AttributeError, ValueError):
        return []
    architecture = system_platform.split("-", 1)[-1].replace("-", "_").replace(".", "_")
    legacy = {(2, 5): "manylinux1", (2, 12): "manylinux2010", (2, 17): "manylinux2014"}
    refused = []
    for arch in sorted({architecture, {"x86_64": "i686", "aarch64": "armv7l"}.get(architecture, architecture)}):
        for major in range(2, top[0] + 1):
            for minor in range(0, (top[1] if major == top[0] else 50) + 1):
                if hasattr(_manylinux, "manylinux_compatible"):
                    answer = _manylinux.manylinux_compatible(major, minor, arch)
                    answer = True if answer is None else answer
                else:
                    answer = getattr(_manylinux, legacy.get((major, minor), "") + "_compatible", True)
                if not answer:
                    refused.append("%d_%d_%s" % (major, minor, arch))
    return refused


def mac_version():
    import platform
    import subprocess

    version, _, machine = platform.mac_ver()
    if version == "10.16":
        program = "import platform; print(platform.mac_ver()[0])"
        environment = {"SYSTEM_VERSION_COMPAT": "0"}
        version = subprocess.check_output([sys.executable, "-sS", "-c", program], env=environment).decode("ascii").strip()
    return version or None, machine or None


def config_variable(name):
    import sysconfig

    value = sysconfig.get_config_var(name)
    return value if isinstance(value, (int, str)) or value is None else str(value)


def tag_facts():
    import platform
    import struct
    import sysconfig
    from importlib.machinery import EXTENSION_SUFFIXES

    system = platform.system()
    system_platform = sysconfig.get_platform()
    header, interpreter = elf_header(sys.executable)
    glibc = glibc_version()
    mac = mac_version() if system == "Darwin" else (None, None)
    pyemscripten = config_variable("PYEMSCRIPTEN_PLATFORM_VERSION")
    names = ["Py_DEBUG", "Py_GIL_DISABLED", "WITH_PYMALLOC", "Py_UNICODE_SIZE", "EXT_SUFFIX", "py_version_nodot"]
    return {
        "implementationName": sys.implementation.name,
        "versionInfo": list(sys.version_info[:2]),
        "configVariables": {name: config_variable(name) for name in names},
        "hasRefcount": hasattr(sys, "gettotalrefcount"),
        "extensionSuffixes": list(EXTENSION_SUFFIXES),
        "maxUnicode": sys.maxunicode,
        "system": system,
        "platform": system_platform,
        "pointerBits": struct.calcsize("P") * 8,
        "glibc": glibc,
        "muslLoader": musl_loader(interpreter),
        "elf": header,
        "manylinuxRefused": manylinux_refused(glibc, system_platform),
        "macVersion": mac[0],
        "macMachine": mac[1],
        "iosRelease": platform.ios_ver().release if system == "iOS" else None,
        "multiarch": getattr(sys.implementation, "_multiarch", None),
        "androidApiLevel": platform.android_ver().api_level if system == "Android" else None,
        "pyemscriptenVersion": None if pyemscripten is None else str(pyemscripten),
    }


def markers():
    import platform

    version = sys.implementation.version
    text = "%d.%d.%d" % version[:3]
    if version[3] != "final":
        text += version[3][0] + str(version[4])
    return {
        "implementation_name": sys.implementation.name,
        "implementation_version": text,
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "platform_python_implementation": platform.python_implementation(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "sys_platform": sys.platform,
    }


def preferred_schemes(virtual):
    """The names pip's locations._sysconfig infers (sysconfig.get_preferred_scheme exists since 3.10)."""
    import sysconfig

    names = sysconfig.get_scheme_names()
    framework = bool(sysconfig.get_config_var("PYTHONFRAMEWORK"))

    def first(candidates):
        return next((name for name in candidates if name in names), None)

    if hasattr(sysconfig, "get_preferred_scheme"):
        return {key: sysconfig.get_preferred_scheme(key) for key in ("prefix", "user", "home")}
    implementation = sys.implementation.name
    apple = ["osx_framework_library"] if framework and not virtual else []
    prefix = apple + [implementation + "_" + os.name, implementation, os.name + "_prefix", os.name]
    user = "osx_framework_user" if framework and not virtual else os.name + "_user"
    return {
        "prefix": first(prefix) or "posix_prefix",
        "user": first([user, "posix_user"]),
        "home": first([os.name + "_home"]) or "posix_home",
    }


def layout(preferred):
    import re
    import sysconfig

    templates = {name: sysconfig.get_paths(name, expand=False) for name in sysconfig.get_scheme_names()}
    used = {word for paths in templates.values() for text in paths.values() for word in re.findall(r"\{(\w+)\}", text)}
    values = sysconfig.get_config_vars()
    # userbase stands here even when no template names it: pip redirects it with --prefix and --target only if Python has one.
    variables = {word: str(values[word]) for word in sorted(used | {"userbase"}) if values.get(word) is not None}
    return {"preferred": preferred, "templates": templates, "variables": variables}


def in_a_venv(site):
    """What a virtual environment of this interpreter would find: site and sysconfig look at sys.prefix when they are asked."""
    prefixes, prefix, exec_prefix = list(site.PREFIXES), sys.prefix, sys.exec_prefix
    sys.prefix = sys.exec_prefix = VENV
    try:
        return {
            "preferred": preferred_schemes(True),
            "siteFolders": site.getsitepackages([VENV]),
            "baseSiteFolders": site.getsitepackages(prefixes),
        }
    finally:
        sys.prefix, sys.exec_prefix = prefix, exec_prefix


def site_folders(site, virtual):
    """The folders site.main() hands to addsitedir, in its order."""
    folders = site.getsitepackages([sys.prefix]) if virtual else []
    if site.ENABLE_USER_SITE:
        folders.append(site.getusersitepackages())
    return absolute_without_duplicates(folders + site.getsitepackages())


def start_site():
    """Do what Python does at start without -S; noise of .pth files and sitecustomize stays off standard output."""
    import site

    saved = os.dup(1)
    quiet = os.open(os.devnull, os.O_WRONLY)
    sys.stdout.flush()
    os.dup2(quiet, 1)
    try:
        site.main()
        sys.stdout.flush()
    finally:
        os.dup2(saved, 1)
        os.close(saved)
        os.close(quiet)
    return site


def user_folder(function):
    try:
        return function()
    except (AttributeError, TypeError, KeyError):
        return None


def collect():
    if not getattr(sys.flags, "safe_path", False):
        del sys.path[0]
    before = absolute_without_duplicates(sys.path)
    site = start_site()
    after = list(sys.path)

    import platform
    import sysconfig

    virtual = sys.prefix != sys.base_prefix
    return {
        "executable": sys.executable,
        "baseExecutable": getattr(sys, "_base_executable", None) or sys.executable,
        "version": platform.python_version(),
        "versionInfo": list(sys.version_info[:3]),
        "implementationName": sys.implementation.name,
        "prefix": sys.prefix,
        "execPrefix": sys.exec_prefix,
        "basePrefix": sys.base_prefix,
        "baseExecPrefix": sys.base_exec_prefix,
        "markers": markers(),
        "tagFacts": tag_facts(),
        "cacheTag": sys.implementation.cache_tag,
        "layout": layout(preferred_schemes(virtual)),
        "stdlib": sysconfig.get_path("stdlib"),
        "userSite": user_folder(site.getusersitepackages),
        "userBase": user_folder(site.getuserbase),
        "userSiteEnabled": site.ENABLE_USER_SITE,
        "pathBeforeSite": before,
        "siteFolders": site_folders(site, virtual),
        "sysPath": after,
        "venv": None if virtual else in_a_venv(site),
        "framework": bool(sysconfig.get_config_var("PYTHONFRAMEWORK")),
    }


if __name__ == "__main__":
    if sys.version_info < (3, 8):
        write({"tooOld": "%d.%d.%d" % sys.version_info[:3]})
    else:
        write(collect())
