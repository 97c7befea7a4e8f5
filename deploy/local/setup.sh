#!/bin/sh
# Makes .venv with the locked, hash-checked packages and fetches the local servers. Nothing is written outside the checkout but the caches of
# the package clients. Does nothing when the locks have not changed since the last time.
# Exit code 3: something it needs is not there.
set -eu
cd "$(dirname -- "$0")/../.."

stamp=.venv/.leadstream-ready
wanted="$(cat requirements-dev.lock deploy/local/installer.lock deploy/local/jgo.lock.toml deploy/local/setup.sh | cksum) $PWD"
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && .venv/bin/python -c '' 2>/dev/null; then
    exit 0
fi

# A checkout that was moved or copied has the old path in the programs of its .venv.
if [ -f "$stamp" ] && ! grep -qF -- " $PWD" "$stamp"; then
    rm -rf .venv
fi

find_python() {
    for name in ${PYTHON:-python3 python3.11 python3.12 python3.13 python3.14}; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    echo "setup: needs Python 3.11 or newer; name one with PYTHON=..." >&2
    exit 3
}

if ! .venv/bin/python -c '' 2>/dev/null; then
    python="$(find_python)"
    echo "setup: creating .venv"
    rm -rf .venv
    "$python" -m venv .venv || { echo "setup: $python cannot make a virtual environment (on Debian: python3-venv)" >&2; exit 3; }
fi
.venv/bin/python -m pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip >/dev/null

echo "setup: installing the locked packages"
pip() { .venv/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes "$@"; }
# uv is about ten times as fast. Where it cannot be had, or cannot reach the registry that pip is configured for, pip does the same.
if ! { pip -r deploy/local/installer.lock \
    && .venv/bin/python -m uv --quiet pip install --compile-bytecode --python .venv/bin/python --require-hashes -r requirements-dev.lock; }; then
    echo "setup: uv did not manage, using pip"
    pip -r requirements-dev.lock || { echo "setup: the packages could not be installed" >&2; exit 3; }
fi

packages="$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
printf '%s\n' "$PWD" > "$packages/leadstream.pth"
# A shell script, because the first line of a script may not be as long as the path of a deep checkout.
cat > .venv/bin/leadstream <<'SCRIPT'
#!/bin/sh
exec "$(dirname -- "$0")/python" -P -c 'import sys; sys.argv[0] = "leadstream"; from services.cli.main import main; main()' "$@"
SCRIPT
chmod 755 .venv/bin/leadstream

# Where the environment forbids Python to write bytecode, every start would compile everything anew.
.venv/bin/python -m compileall -q services shared deploy || true
.venv/bin/python -P -m deploy.local.jars >/dev/null || exit 3
printf '%s\n' "$wanted" > "$stamp"
echo "setup: done"
