"""Answers questions about the files of Python packaging with pip 26.3, one JSON line for each on standard input.

Arguments: wheels of pip to try before what this Python has. The first line printed says which version answers (null: none that is new enough).
"""

import base64
import contextlib
import csv
import email.parser
import importlib
import io
import json
import os
import re
import sys
import tempfile
import zipfile
from types import SimpleNamespace

OLDEST = (26, 3)


def unpacked(wheel):
    """The wheel as a folder, so that Python keeps what it compiles: importing pip from the archive takes two seconds each time."""
    stamp = f"{os.path.basename(wheel)}-{os.stat(wheel).st_mtime_ns}"
    folder = os.path.join(tempfile.gettempdir(), f"pipd-pip-oracle-{os.getuid()}", stamp)
    os.makedirs(os.path.dirname(folder), mode=0o700, exist_ok=True)
    if os.stat(os.path.dirname(folder)).st_uid != os.getuid():
        return wheel
    if not os.path.isdir(folder):
        temporary = tempfile.mkdtemp(dir=os.path.dirname(folder))
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(temporary)
        with contextlib.suppress(OSError):  # Another test may have been faster.
            os.rename(temporary, folder)
    return folder


def find_pip():
    for wheel in sys.argv[1:]:
        sys.path.insert(0, unpacked(wheel))
    try:
        pip = importlib.import_module("pip")
        importlib.import_module("pip._internal.req.req_file")
    except Exception:
        return None
    numbers = re.findall(r"\d+", pip.__version__)
    return pip.__version__ if tuple(int(number) for number in numbers[:2]) >= OLDEST else None


found = find_pip()
print(json.dumps(found), flush=True)
if found is None:
    sys.exit()
sys.argv[0] = "pip"

import configparser  # noqa: E402
import importlib.metadata as importlib_metadata  # noqa: E402
import urllib.parse  # noqa: E402
from importlib.metadata import _adapters  # noqa: E402

from pip._internal.cli import cmdoptions  # noqa: E402
from pip._internal.configuration import _RawConfigParser  # noqa: E402
from pip._internal.exceptions import PipError  # noqa: E402
from pip._internal.index.package_finder import LinkEvaluator, _extract_version_from_fragment  # noqa: E402
from pip._internal.metadata._json import msg_to_json  # noqa: E402
from pip._internal.models import link as links  # noqa: E402
from pip._internal.models.direct_url import DirectUrl  # noqa: E402
from pip._internal.models.format_control import FormatControl  # noqa: E402
from pip._internal.models.release_control import ReleaseControl  # noqa: E402
from pip._internal.operations.install import wheel as install_wheel  # noqa: E402
from pip._internal.req import req_file  # noqa: E402
from pip._internal.utils import compatibility_tags  # noqa: E402
from pip._internal.utils import wheel as wheels  # noqa: E402
from pip._internal.utils.direct_url_helpers import direct_url_as_pep440_direct_reference  # noqa: E402
from pip._internal.utils.unpacking import SUPPORTED_EXTENSIONS  # noqa: E402
from pip._vendor.distlib.util import get_export_entry  # noqa: E402
from pip._vendor.packaging import _manylinux, _musllinux, tags, utils  # noqa: E402
from pip._vendor.packaging.version import Version  # noqa: E402


@contextlib.contextmanager
def world(facts):
    """Lets packaging believe that it runs in the interpreter that reported these facts."""
    variables = {**facts["configVariables"], "PYEMSCRIPTEN_PLATFORM_VERSION": facts["pyemscriptenVersion"]}
    implementation = SimpleNamespace(name=facts["implementationName"], _multiarch=facts["multiarch"])
    system = SimpleNamespace(
        implementation=implementation,
        version_info=tuple(facts["versionInfo"]),
        executable="python",
        maxunicode=facts["maxUnicode"],
    )
    if facts["hasRefcount"]:
        system.gettotalrefcount = int
    elf = facts["elf"] and SimpleNamespace(
        capacity=facts["elf"]["elfClass"],
        encoding=facts["elf"]["encoding"],
        machine=facts["elf"]["machine"],
        flags=facts["elf"]["flags"],
    )
    refused = facts["manylinuxRefused"]
    module = refused is not None and SimpleNamespace(
        manylinux_compatible=lambda major, minor, arch: f"{major}_{minor}_{arch}" not in refused
    )
    is_32bit = facts["pointerBits"] == 32
    replacements = [
        (tags, "sys", system),
        (tags, "sysconfig", SimpleNamespace(get_config_var=variables.get, get_platform=lambda: facts["platform"])),
        (
            tags,
            "platform",
            SimpleNamespace(
                system=lambda: facts["system"],
                mac_ver=lambda: (facts["macVersion"] or "", ("", "", ""), facts["macMachine"] or ""),
                ios_ver=lambda: ("iOS", facts["iosRelease"], "", False),
                android_ver=lambda: SimpleNamespace(api_level=facts["androidApiLevel"]),
            ),
        ),
        (tags, "EXTENSION_SUFFIXES", facts["extensionSuffixes"]),
        (tags._linux_platforms, "__defaults__", (is_32bit,)),
        (tags._mac_arch, "__defaults__", (is_32bit,)),
        (_manylinux, "_parse_elf", lambda path: contextlib.nullcontext(elf)),
        (_manylinux, "_glibc_version_string", lambda: facts["glibc"]),
        (_manylinux, "_get_manylinux_module", lambda: module or None),
        (_musllinux, "_get_musl_version", lambda path: _musllinux._parse_musl_version(facts["muslLoader"] or "")),
    ]
    saved = [(target, name, getattr(target, name)) for target, name, _ in replacements]
    _manylinux._get_glibc_version.cache_clear()
    for target, name, value in replacements:
        setattr(target, name, value)
    try:
        yield
    finally:
        for target, name, value in saved:
            setattr(target, name, value)
        _manylinux._get_glibc_version.cache_clear()


def system_tags(facts):
    with world(facts):
        return [str(tag) for tag in tags.sys_tags()]


def target_tags(facts, version, platforms, implementation, abis):
    with world(facts):
        return [str(tag) for tag in compatibility_tags.get_supported(version, platforms, implementation, abis)]


def wheel_filename(filename):
    try:
        name, version, build, wheel_tags = utils.parse_wheel_filename(filename)
    except ValueError as error:
        return {"error": str(error)}
    return {"key": name, "version": str(version), "build": build or None, "tags": sorted(str(tag) for tag in wheel_tags)}


def sdist_filename(filename):
    try:
        name, version = utils.parse_sdist_filename(filename)
    except ValueError:
        return None
    return {"key": name, "version": str(version)}


def index_sdist(filename, project):
    """What LinkEvaluator.evaluate_link and the candidate made of its answer take from the name of a source distribution."""
    stem, extension = links.Link("https://example.org/" + urllib.parse.quote(filename)).splitext()
    if extension not in SUPPORTED_EXTENSIONS or extension == ".whl" or ("macosx10" in filename and extension == ".zip"):
        return None
    version = _extract_version_from_fragment(stem, project)
    if not version:
        return None
    match = LinkEvaluator._py_version_re.search(version)
    python = match and match.group(1)
    try:
        return {"version": str(Version(version[: match.start()] if match else version)), "python": python}
    except ValueError:
        return None


def metadata(text):
    message = _adapters.Message(email.message_from_string(text))
    headers = {}
    for name, value in message._headers:
        headers.setdefault(name.lower(), []).append(value)
    return {"headers": list(headers.items()), "json": list(msg_to_json(message).items())}


def wheel_file(text):
    message = email.parser.Parser().parsestr(text)
    try:
        version = wheels.wheel_version(message)
    except PipError as error:
        return {"error": str(error)}
    return {"version": version, "purelib": install_wheel.wheel_root_is_purelib(message), "tags": message.get_all("Tag", [])}


def record(text):
    return [(row + ["", "", ""])[:3] for row in csv.reader(text.splitlines()) if row]


def render_record(rows):
    out = io.StringIO(newline="")
    csv.writer(out).writerows(install_wheel._normalized_outrows(rows))
    return out.getvalue()


def entry_points(text):
    try:
        found = importlib_metadata.EntryPoints._from_text(text)
        return [[point.group, point.name, point.value] for point in found]
    except (TypeError, ValueError):
        return None


def script(specification, folder):
    try:
        install_wheel._raise_for_invalid_entrypoint(specification, folder)
        entry = get_export_entry(specification)
    except PipError as error:
        return {"error": str(error)}
    except Exception as error:
        return {"error": error.args[0]}
    return entry and {"name": entry.name, "module": entry.prefix, "attrs": entry.suffix}


def direct_url(text):
    try:
        direct = DirectUrl.from_json(text)
    except json.JSONDecodeError:
        return {"error": "Invalid JSON"}
    except Exception as error:
        return {"error": str(error)}
    try:
        requirement = direct_url_as_pep440_direct_reference(direct, "a-b")
    except Exception:
        requirement = None
    return {"text": direct.to_json(), "report": json.dumps(direct.to_dict_compat()), "requirement": requirement}


def describe(link):
    data = link and link.metadata_file_data
    return link and {
        "filename": str(link.filename),
        "url": link.url_without_fragment,
        "hashes": list(link._hashes.items()),
        "requiresPython": link.requires_python,
        "yanked": link.yanked_reason,
        "coreMetadata": data and (data.hashes or {}).get("sha256", True),
        "uploadTime": link.upload_time is not None,
    }


def json_link(entry, page):
    return describe(links.Link.from_json(entry, page))


def anchor_link(attributes, base):
    return describe(links.Link.from_element(attributes, page_url=base, base_url=base))


def urls(base, reference):
    joined = urllib.parse.urljoin(base, reference)
    return [joined, links._ensure_quoted_url(joined), urllib.parse.unquote(reference), urllib.parse.quote(reference)]


def option_lines(opts, number):
    def lines(name, values):
        return [["option", name, value, number] for value in values]

    if opts.requirements:
        return lines("requirement", opts.requirements[:1])
    if opts.constraints:
        return lines("constraint", opts.constraints[:1])
    flags = ["require_hashes", "no_require_hashes", "no_index", "pre", "prefer_binary"]
    found = [line for flag in flags if getattr(opts, flag) for line in lines(flag.replace("_", "-"), [""])]
    found += lines("use-feature", list(opts.features_enabled or []))
    found += lines("index-url", [opts.index_url] if opts.index_url else [])
    found += lines("extra-index-url", opts.extra_index_urls or [])
    found += lines("find-links", (opts.find_links or [])[:1])
    found += lines("trusted-host", opts.trusted_hosts or [])
    found += lines("hash", hashes_of(opts.hashes))
    return found


def hashes_of(hashes):
    return [f"{name}:{digest}" for name, digests in (hashes or {}).items() for digest in digests]


def requirements(text, environment):
    """Lines in the form of parseRequirementsFile. Format and release control are recorded where pip applies them: while it parses a line."""
    os.environ.clear()
    os.environ.update(environment)
    control, release, changes = FormatControl(), ReleaseControl(), []

    def change_formats(value, target, other):
        original_formats(value, target, other)
        changes.append(["no-binary" if target is control.no_binary else "only-binary", value])

    def change_releases(self, value, target, other, name):
        original_releases(self, value, target, other, name)
        changes.append([name.replace("_", "-"), value])

    original_formats, original_releases = FormatControl.handle_mutual_excludes, ReleaseControl.handle_mutual_excludes
    FormatControl.handle_mutual_excludes = staticmethod(change_formats)
    ReleaseControl.handle_mutual_excludes = change_releases
    parse_line = req_file.get_line_parser(SimpleNamespace(format_control=control, release_control=release))
    found = []
    try:
        for number, line in req_file.preprocess(text):
            # pip's list of features is one object for all lines of all files.
            cmdoptions.use_new_feature.keywords["default"].clear()
            try:
                with contextlib.redirect_stderr(io.StringIO()):
                    arguments, opts = parse_line(line)
            except req_file.OptionParsingError as error:
                return {"error": f"Invalid requirement: {line}\n{error.msg}".rstrip("\n")}
            except PipError as error:
                return {"error": str(error)}
            found += [["option", name, value, number] for name, value in changes]
            changes.clear()
            parsed = req_file.ParsedLine("r.txt", number, arguments, opts, False)
            if parsed.requirement is None:
                found += option_lines(opts, number)
                continue
            req = req_file.handle_requirement_line(parsed)
            kind = "editable" if req.is_editable else "requirement"
            settings = list(req.options.get("config_settings", {}).items())
            found.append([kind, req.requirement, hashes_of(req.options.get("hashes")), settings, number])
    finally:
        FormatControl.handle_mutual_excludes = staticmethod(original_formats)
        ReleaseControl.handle_mutual_excludes = original_releases
    return {"lines": found}


def decoded(data):
    try:
        return req_file._decode_req_file(base64.b64decode(data), "r.txt")
    except (UnicodeDecodeError, LookupError):
        return None


def config(text):
    parser = _RawConfigParser()
    try:
        # As from a file: text mode translates newlines.
        parser.read_file(io.StringIO(text, newline=None), source="pip.conf")
    except configparser.Error as error:
        return {"error": str(error)}
    out = io.StringIO()
    parser.write(out)
    return {"sections": [[name, parser.items(name)] for name in parser.sections()], "written": out.getvalue()}


def text_facts(text):
    return [repr(text), text.splitlines(), text.split(), json.dumps(text), io.StringIO(text, newline=None).read()]


ANSWERS = {
    function.__name__: function
    for function in (
        *(system_tags, target_tags, wheel_filename, sdist_filename, index_sdist, metadata, wheel_file, record, render_record),
        *(entry_points, script, direct_url, json_link, anchor_link, urls, requirements, decoded, config, text_facts),
    )
}
for line in sys.stdin.buffer:
    name, *arguments = json.loads(line)
    print(json.dumps(ANSWERS[name](*arguments)), flush=True)
