import { append, choice, flag, hidden, MISSING, ordered, value } from "./option-makers.ts";
import type { OptionGroup, OptionSpec } from "./option-spec.ts";

export const VERSION_OPTION = flag("version", "--version", "Show version and exit.", { short: "-V", kind: "version" });

/** Options that every command takes, before or after its name. */
export const GENERAL_OPTIONS: OptionGroup = {
  title: "General Options",
  options: [
    flag("help", "--help", "Show help.", { short: "-h", kind: "help" }),
    flag("debug", "--debug", "Show the stack of an unexpected error instead of a single line."),
    flag("isolated", "--isolated", "Ignore PIP_* environment variables and the user's configuration file."),
    flag(
      "requireVirtualenv",
      ["--require-virtualenv", "--require-venv"],
      "Refuse to work outside a virtual environment.",
    ),
    value(
      "python",
      "--python",
      "python",
      "Work on the environment of this interpreter, virtual environment or version.",
    ),
    flag("verbose", "--verbose", "Say more. Can be given up to three times.", { short: "-v", kind: "count" }),
    flag(
      "quiet",
      "--quiet",
      "Say less. Can be given up to three times (warnings, errors, nothing but critical errors).",
      { short: "-q", kind: "count" },
    ),
    value("log", ["--log", "--log-file", "--local-log"], "path", "Append a full log to this file.", { type: "path" }),
    flag("noInput", "--no-input", "Never ask for input."),
    choice(
      "keyringProvider",
      "--keyring-provider",
      ["auto", "disabled", "import", "subprocess"],
      "Where to look up credentials.",
      {
        missingChoices: ["import", "subprocess"],
      },
    ),
    value("proxy", "--proxy", "proxy", "Use this proxy: scheme://[user:password@]host:port."),
    flag("noProxyEnv", "--no-proxy-env", "Ignore proxies and netrc of the environment."),
    value("retries", "--retries", "retries", "How often a failed connection is tried again (default 5).", {
      type: "int",
    }),
    value(
      "timeout",
      ["--timeout", "--default-timeout"],
      "sec",
      "Seconds without an answer before a connection counts as dead (default 15).",
      { type: "float" },
    ),
    append(
      "existsAction",
      "--exists-action",
      "action",
      "What to do when a path exists already: (s)witch, (i)gnore, (w)ipe, (b)ackup, (a)bort.",
      {
        type: "choice",
        choices: ["s", "i", "w", "b", "a"],
        ...MISSING,
      },
    ),
    append("trustedHosts", "--trusted-host", "hostname", "Trust this host[:port] although it has no valid HTTPS."),
    value("cert", "--cert", "path", "A PEM file with the certificate authorities to trust.", { type: "path" }),
    value("clientCert", "--client-cert", "path", "A PEM file with the client certificate and its key.", {
      type: "path",
    }),
    value("cacheDir", "--cache-dir", "dir", "Keep caches in this folder.", { type: "path" }),
    flag("cacheDir", "--no-cache-dir", "Use no cache.", { kind: "noCache" }),
    flag(
      "disablePipVersionCheck",
      "--disable-pip-version-check",
      "Accepted: pipd never looks for a newer version of itself while it works.",
    ),
    flag("noColor", "--no-color", "Write without colours."),
    hidden(flag("noPythonVersionWarning", "--no-python-version-warning", "")),
    append("useFeature", "--use-feature", "feature", "Switch a feature of pip on that is not yet its default.", {
      type: "choice",
      choices: [
        "fast-deps",
        "inprocess-build-deps",
        "venv-isolation",
        "truststore",
        "no-binary-enable-wheel-cache",
        "build-constraint",
      ],
      missingChoices: ["fast-deps", "inprocess-build-deps", "venv-isolation"],
    }),
    append("useDeprecated", "--use-deprecated", "feature", "Switch an old behaviour of pip back on.", {
      type: "choice",
      choices: ["legacy-resolver", "legacy-certs"],
      ...MISSING,
    }),
    value(
      "resumeRetries",
      "--resume-retries",
      "resume_retries",
      "How often an interrupted download is resumed (default 5).",
      { type: "int" },
    ),
  ],
};

export const INDEX_OPTIONS: OptionGroup = {
  title: "Package Index Options",
  options: [
    value(
      "indexUrl",
      ["--index-url", "--pypi-url"],
      "URL",
      "The package index: a PEP 503 or PEP 691 repository, or a local folder laid out like one.",
      { short: "-i" },
    ),
    append(
      "extraIndexUrls",
      "--extra-index-url",
      "URL",
      "A further index; all indexes are asked and the best version wins.",
    ),
    flag("noIndex", "--no-index", "Ask no index, only --find-links."),
    ordered(
      "refreshPackage",
      "--refresh-package",
      "refresh_package",
      "Ask the index again for these projects although the cache is fresh (names, :all:, :none:).",
    ),
    append("findLinks", "--find-links", "url", "A folder of archives, or a page or HTML file with links to them.", {
      short: "-f",
    }),
    value(
      "uploadedPriorTo",
      "--uploaded-prior-to",
      "datetime_or_duration",
      "Consider only files uploaded before this moment.",
      MISSING,
    ),
  ],
};

export const SELECTION_OPTIONS: OptionGroup = {
  title: "Package Selection Options",
  options: [
    flag("pre", "--pre", "Consider pre-releases and development versions too."),
    ordered("releaseControl", "--all-releases", "release_control", "Consider pre-releases of these projects.", MISSING),
    ordered(
      "releaseControl",
      "--only-final",
      "release_control",
      "Never consider pre-releases of these projects.",
      MISSING,
    ),
    ordered(
      "formatControl",
      "--no-binary",
      "format_control",
      "Use no wheels of these projects (names, :all:, :none:).",
    ),
    ordered(
      "formatControl",
      "--only-binary",
      "format_control",
      "Use only wheels of these projects (names, :all:, :none:).",
    ),
    flag("preferBinary", "--prefer-binary", "Prefer an older wheel to a newer source archive."),
  ],
};

const TARGET_PYTHON_OPTIONS: readonly OptionSpec[] = [
  append("platforms", "--platform", "platform", "Use wheels for this platform.", MISSING),
  value("pythonVersion", "--python-version", "python_version", "Use wheels for this Python version.", MISSING),
  value("implementation", "--implementation", "implementation", "Use wheels for this Python implementation.", MISSING),
  append("abis", "--abi", "abi", "Use wheels for this ABI.", MISSING),
];

const requirements = (purpose: string): OptionSpec =>
  append(
    "requirements",
    "--requirement",
    "file",
    `${purpose} everything in this requirements file. Can be given several times.`,
    { short: "-r" },
  );
const progressBar = choice(
  "progressBar",
  "--progress-bar",
  ["auto", "on", "off", "raw"],
  "How progress is shown (default auto).",
);
const noWait = flag(
  "noWait",
  "--no-wait",
  "Leave with status 9 instead of waiting for another command on this environment (pipd's own option).",
);
const rootUserAction = choice(
  "rootUserAction",
  "--root-user-action",
  ["warn", "ignore"],
  "What to do when root works outside a virtual environment.",
);
const breakSystemPackages = flag(
  "breakSystemPackages",
  "--break-system-packages",
  "Change an environment although its owner manages it by other means (PEP 668).",
);
const local = flag("local", "--local", "In a virtual environment that sees the global packages, leave those out.", {
  short: "-l",
});
const user = flag("user", "--user", "Only packages in the user's site-packages.");
const paths = append("paths", "--path", "path", "Look in this folder instead. Can be given several times.", {
  type: "path",
});
const excludes = append("excludes", "--exclude", "package", "Leave this package out.");

export const INSTALL_OPTIONS: OptionGroup = {
  title: "Install Options",
  options: [
    requirements("Install"),
    append(
      "constraints",
      "--constraint",
      "file",
      "Limit versions by this constraints file. Can be given several times.",
      { short: "-c" },
    ),
    append("buildConstraints", "--build-constraint", "file", "Limit versions of build dependencies.", MISSING),
    append(
      "requirementsFromScript",
      "--requirements-from-script",
      "file",
      "Install the requirements in a script's PEP 723 block.",
      MISSING,
    ),
    flag("noDeps", ["--no-deps", "--no-dependencies"], "Install no dependencies."),
    flag("onlyDeps", ["--only-deps", "--only-dependencies"], "Install only the dependencies.", MISSING),
    append("editables", "--editable", "path/url", "Install a project in editable mode.", { short: "-e", ...MISSING }),
    flag("dryRun", "--dry-run", "Change nothing, only say what would be installed."),
    value("targetDir", "--target", "dir", "Install into this folder, apart from any environment.", { short: "-t" }),
    ...TARGET_PYTHON_OPTIONS,
    flag("useUserSite", "--user", "Install into the user's site-packages."),
    hidden(flag("useUserSite", "--no-user", "", { kind: "negated" })),
    value("rootPath", "--root", "dir", "Install under this alternate root."),
    value("prefixPath", "--prefix", "dir", "Install under this prefix (lib, bin and so on are made in it)."),
    value(
      "srcDir",
      ["--src", "--source", "--source-dir", "--source-directory"],
      "dir",
      "Where to check out editable projects.",
      { type: "path", ...MISSING },
    ),
    flag("upgrade", "--upgrade", "Upgrade the named packages to the newest version there is.", { short: "-U" }),
    choice(
      "upgradeStrategy",
      "--upgrade-strategy",
      ["only-if-needed", "eager"],
      "How --upgrade treats dependencies (default only-if-needed).",
    ),
    flag("forceReinstall", "--force-reinstall", "Reinstall all packages even if they are up to date."),
    flag("ignoreInstalled", "--ignore-installed", "Take no notice of what is installed, and overwrite it.", {
      short: "-I",
    }),
    flag("ignoreRequiresPython", "--ignore-requires-python", "Take no notice of Requires-Python."),
    flag("buildIsolation", "--no-build-isolation", "Build without isolation.", { kind: "negated", ...MISSING }),
    hidden(flag("usePep517", "--use-pep517", "")),
    flag("checkBuildDeps", "--check-build-dependencies", "Check build dependencies.", MISSING),
    breakSystemPackages,
    ordered("configSettings", "--config-settings", "settings", "Settings for the build back end.", {
      short: "-C",
      ...MISSING,
    }),
    flag("compile", "--compile", "Compile Python files to byte code (the default)."),
    flag("compile", "--no-compile", "Do not compile Python files to byte code.", { kind: "negated" }),
    flag(
      "warnScriptLocation",
      "--no-warn-script-location",
      "Do not warn when scripts land in a folder that is not on PATH.",
      { kind: "negated" },
    ),
    flag("warnConflicts", "--no-warn-conflicts", "Do not warn about broken dependencies.", { kind: "negated" }),
    flag(
      "requireHashes",
      "--require-hashes",
      "Require a hash for every requirement (on by itself when a requirements file has a --hash).",
    ),
    flag("noRequireHashes", "--no-require-hashes", "Check the hashes that are there, and require none."),
    progressBar,
    rootUserAction,
    value("report", "--report", "file", "Write what is installed as JSON to this file (- for standard output)."),
    ordered("dependencyGroups", "--group", "[path:]group", "Install a dependency group of pyproject.toml.", MISSING),
    flag("noClean", "--no-clean", "Keep build folders.", MISSING),
    choice(
      "linkMode",
      "--link-mode",
      ["auto", "hardlink", "copy"],
      "How files come from the store into the environment (pipd's own option).",
    ),
    noWait,
  ],
};

export const UNINSTALL_OPTIONS: OptionGroup = {
  title: "Uninstall Options",
  options: [
    requirements("Uninstall"),
    flag("yes", "--yes", "Ask for no confirmation.", { short: "-y" }),
    rootUserAction,
    breakSystemPackages,
    noWait,
  ],
};

export const FREEZE_OPTIONS: OptionGroup = {
  title: "Freeze Options",
  options: [
    append("requirements", "--requirement", "file", "Keep the order and the comments of this requirements file.", {
      short: "-r",
      ...MISSING,
    }),
    local,
    user,
    paths,
    flag(
      "freezeAll",
      "--all",
      "Leave out nothing (pip, and on old Pythons setuptools, distribute and wheel, are hidden otherwise).",
    ),
    flag("excludeEditable", "--exclude-editable", "Leave editable packages out."),
    excludes,
  ],
};

export const LIST_OPTIONS: OptionGroup = {
  title: "List Options",
  options: [
    flag("outdated", "--outdated", "List outdated packages.", { short: "-o" }),
    flag("uptodate", "--uptodate", "List packages that are up to date.", { short: "-u" }),
    flag("editable", "--editable", "List editable packages.", { short: "-e" }),
    local,
    user,
    paths,
    choice("listFormat", "--format", ["columns", "freeze", "json"], "The form of the list (default columns)."),
    flag("notRequired", "--not-required", "List packages that no installed package depends on."),
    flag("includeEditable", "--exclude-editable", "Leave editable packages out.", { kind: "negated" }),
    flag("includeEditable", "--include-editable", "Include editable packages (the default)."),
    excludes,
  ],
};

export const SHOW_OPTIONS: OptionGroup = {
  title: "Show Options",
  options: [flag("files", "--files", "Show the full list of installed files.", { short: "-f" })],
};

export const TREE_OPTIONS: OptionGroup = {
  title: "Tree Options",
  options: [
    value("depth", "--depth", "depth", "Show that many levels below the topmost packages (default 255).", {
      short: "-d",
      type: "int",
    }),
    append("package", "--package", "package", "Show only this package and what is below it."),
    append("prune", "--prune", "package", "Leave this package out, and what only it depends on."),
    flag("invert", "--invert", "Show below each package those that depend on it."),
    flag("noDedupe", "--no-dedupe", "Repeat what was shown before."),
    flag("versionSpecifiers", "--show-version-specifiers", "Show which versions are required."),
    flag("outdated", "--outdated", "Show the newest version of each package.", MISSING),
    flag("showSizes", "--show-sizes", "Show the sizes of wheels.", MISSING),
    flag("strict", "--strict", "Warn of packages that lack what they depend on.", MISSING),
  ],
};

export const CACHE_OPTIONS: OptionGroup = {
  title: "Cache Options",
  options: [choice("listFormat", "--format", ["human", "abspath"], "The form of the list (default human).")],
};

export const VENV_OPTIONS: OptionGroup = {
  title: "Venv Options",
  options: [
    flag("clear", "--clear", "Empty the folder first if it exists.", { short: "-c" }),
    value("prompt", "--prompt", "name", "What the prompt shows while the environment is active."),
    flag(
      "systemSitePackages",
      "--system-site-packages",
      "Let the environment see the packages of its base interpreter.",
    ),
    value("venvPython", "-p", "python", "The same as --python.", { long: [], short: "-p" }),
    noWait,
  ],
};

export const DAEMON_OPTIONS: OptionGroup = {
  title: "Daemon Options",
  options: [
    flag("json", "--json", "Print the status, the log or the doctor's findings as JSON."),
    flag("follow", "--follow", "Keep printing what is added to the log.", { short: "-f" }),
  ],
};
