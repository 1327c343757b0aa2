# Runs a script with the `snakemake` object that scripts written for Snakemake expect.
# Arguments: the job (JSON), the script. `python3 -c` reads this text; the script runs as `__main__`.
import json, os, sys, types


def _float(entries):
    """JSON has no infinity and no NaN."""
    return float(entries["__float__"]) if "__float__" in entries else entries


class Namedlist(list):
    """A list whose items may have names; as text, its items with blanks between them."""

    def __init__(self, job):
        super().__init__(job["items"])
        self._named = {}
        for name, value in job["named"].items():
            many = value.get("many")
            value = value.get("one") if many is None else Namedlist({"items": many, "named": {}})
            self._named[name] = value
            setattr(self, name, value)

    def __str__(self):
        return " ".join(map(str, self))

    def get(self, name, default=None):
        return self._named.get(name, default)

    def keys(self):
        return self._named.keys()

    def values(self):
        return self._named.values()

    def items(self):
        return self._named.items()

    def __getitem__(self, at):
        return self._named[at] if isinstance(at, str) else super().__getitem__(at)


class ReportLink:
    """Where a file would be in Snakemake's report: links in pages made for one stay as they are."""

    def __init__(self, folder, path, query="", fragment=""):
        self._parts = folder, path, query, fragment

    def child_path(self, path):
        return ReportLink(self._parts[0], str(path))

    def url_args(self, **arguments):
        from urllib.parse import quote

        query = "&".join(f"{name}={quote(str(value))}" for name, value in arguments.items())
        return ReportLink(self._parts[0], self._parts[1], query and "?" + query)

    def anchor(self, name):
        from urllib.parse import quote

        return ReportLink(*self._parts[:3], "#" + quote(name))

    def __str__(self):
        return "../%s/%s%s%s" % self._parts


class Snakemake:
    def __init__(self, job, script):
        for name in ("input", "output", "params", "wildcards", "log", "resources"):
            setattr(self, name, Namedlist(job[name]))
        self.threads = job["threads"]
        self.config = job["config"]
        self.rule = job["rule"]
        self.attempt = job["attempt"]
        self.bench_iteration = None
        self.scriptdir = os.path.dirname(script)

    def report_href(self, path):
        import hashlib

        path = str(path)
        return ReportLink(hashlib.sha256(path.encode()).hexdigest()[:16], path.rsplit("/", 1)[-1])

    def log_fmt_shell(self, stdout=True, stderr=True, append=False):
        if not self.log:
            return ""
        to = (">>" if append else ">") + " " + str(self.log)
        if stdout and stderr:
            return " " + to + " 2>&1"
        return " " + to if stdout else " 2" + to if stderr else ""


def _install(snakemake):
    """`from snakemake.script import snakemake` works, also where Snakemake is not installed."""
    import importlib.abc, importlib.machinery

    script = types.ModuleType("snakemake.script")
    script.snakemake, script.Snakemake = snakemake, Snakemake
    sys.modules["snakemake.script"] = script

    class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
        def find_spec(self, name, path=None, target=None):
            if name == "snakemake":
                return importlib.machinery.ModuleSpec(name, self, is_package=True)

        def create_module(self, spec):
            return None

        def exec_module(self, module):
            module.script = script

    sys.meta_path.append(Finder())


def _start():
    _, job, path = sys.argv
    with open(job, encoding="utf-8") as file:
        snakemake = Snakemake(json.load(file, object_hook=_float), os.path.abspath(path))
    _install(snakemake)
    sys.argv = [path]
    sys.path[0:1] = [os.path.dirname(os.path.abspath(path))]
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec", dont_inherit=True)
    scope = sys.modules["__main__"].__dict__
    scope.update(snakemake=snakemake, __file__=path, __real_file__=path)
    for name in ("_float", "_start", "_install", "json", "os", "sys", "types"):
        scope.pop(name, None)
    return code


exec(_start())
