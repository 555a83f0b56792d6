"""Answers questions about PEP 440 and PEP 508 with pypa/packaging, one JSON line for each on standard input.

Arguments: wheels of packaging to try before what this Python has. The first line printed says which version answers (null: none that is new enough).
"""

import importlib
import json
import sys

OLDEST = (26, 3)


def find_packaging():
    for wheel in sys.argv[1:]:
        sys.path.insert(0, wheel)
    for name in ("packaging", "pip._vendor.packaging"):
        try:
            module = importlib.import_module(name)
            if tuple(int(part) for part in module.__version__.split(".")[:2]) < OLDEST:
                continue
        except (ImportError, ValueError, AttributeError):
            continue
        return module
    return None


packaging = find_packaging()
print(json.dumps(packaging and packaging.__version__), flush=True)
if packaging is None:
    sys.exit()
markers, requirements, specifiers, versions = (
    importlib.import_module(f"{packaging.__name__}.{name}") for name in ("markers", "requirements", "specifiers", "version")
)
Version, SpecifierSet = versions.Version, specifiers.SpecifierSet


def failure(error):
    cause = error.__cause__
    return {"error": str(error).split("\n")[0], "span": list(cause.span) if hasattr(cause, "span") else None}


def version(text):
    try:
        v = Version(text)
    except ValueError:
        return None
    return {
        "text": str(v),
        "epoch": str(v.epoch),
        "release": [str(n) for n in v.release],
        "pre": v.pre and [v.pre[0], str(v.pre[1])],
        "post": None if v.post is None else str(v.post),
        "dev": None if v.dev is None else str(v.dev),
        "local": v.local,
        "flags": [v.is_prerelease, v.is_postrelease, v.is_devrelease],
    }


def compare(a, b):
    x, y = Version(a), Version(b)
    return (x > y) - (x < y)


def specifier_set(text, candidates):
    try:
        s = SpecifierSet(text)
    except ValueError:
        return None
    parsed = [Version(candidate) for candidate in candidates]
    return {
        "text": str(s),
        "prereleases": s.prereleases is True,
        "contains": [["ny"[s.contains(v, prereleases=p)] for p in (None, True, False)] for v in parsed],
        "filter": [[str(v) for v in s.filter(parsed, prereleases=p)] for p in (None, True, False)],
    }


def relation(a, b):
    x, y = SpecifierSet(a, prereleases=True), SpecifierSet(b, prereleases=True)
    return {
        "text": str(x & y),
        "empty": (x & y).is_unsatisfiable(),
        "subset": x.is_subset(y),
        "disjoint": x.is_disjoint(y),
        "equal": x.to_range() == y.to_range(),
    }


def evaluate(marker, environments):
    values = []
    for environment in environments:
        try:
            values.append(marker.evaluate(environment))
        except (ValueError, KeyError):
            values.append(None)
    return values


def marker(text, environments):
    try:
        m = markers.Marker(text)
    except ValueError as error:
        return failure(error)
    return {"text": str(m), "values": evaluate(m, environments)}


def requirement(text, environments):
    try:
        r = requirements.Requirement(text)
    except ValueError as error:
        return failure(error)
    return {
        "name": r.name,
        "extras": sorted(r.extras),
        "specifier": str(r.specifier),
        "url": r.url,
        "marker": r.marker and str(r.marker),
        "text": str(r),
        "values": r.marker and evaluate(r.marker, environments),
    }


ANSWERS = {
    "version": version,
    "compare": compare,
    "set": specifier_set,
    "relation": relation,
    "marker": marker,
    "requirement": requirement,
}
for line in sys.stdin:
    name, *arguments = json.loads(line)
    print(json.dumps(ANSWERS[name](*arguments)), flush=True)
