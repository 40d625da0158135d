# What the tests need on the machine. Sourced by tests/run.

APT_UPDATED=
# apt_install PACKAGE... : installs them, or says what to install when not root.
apt_install() {
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "tests/run: missing: $*; install with: sudo apt-get install --no-install-recommends $*" >&2
    exit 1
  fi
  echo "tests/run: installing $*"
  if [ -z "$APT_UPDATED" ]; then
    apt-get update -qq
    APT_UPDATED=yes
  fi
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >"$SCRATCH/apt.log" 2>&1 || {
    tail -n 30 "$SCRATCH/apt.log" >&2
    echo "tests/run: apt-get could not install $*" >&2
    exit 1
  }
}

# need_version TOOL LEAST FOUND FOR WHERE
need_version() {
  local found=${3#go}
  if [ "$(printf '%s\n' "$2" "$found" | sort -V | head -n 1)" != "$2" ]; then
    echo "tests/run: $1 $found is too old: $4 needs $1 $2 or newer ($5)" >&2
    exit 1
  fi
}

# need_go FOR
need_go() {
  if ! command -v go >/dev/null; then
    echo "tests/run: go is missing: install Go 1.26 or newer from https://go.dev/dl (Debian's golang is older)" >&2
    exit 1
  fi
  need_version go 1.26 "$(go env GOVERSION)" "$1" "https://go.dev/dl"
}

need_build_tools() {
  if ! command -v cargo >/dev/null; then
    echo "tests/run: cargo is missing: install Rust from https://rustup.rs" >&2
    exit 1
  fi
  local missing=()
  command -v cc >/dev/null && command -v make >/dev/null || missing+=(build-essential)
  command -v perl >/dev/null || missing+=(perl)
  # Debian's minimal perl lacks the modules with which OpenSSL configures its build.
  [ ${#missing[@]} -gt 0 ] || perl -MFindBin -MIPC::Cmd -e 1 2>/dev/null || missing+=(perl)
  if [ ${#missing[@]} -gt 0 ]; then apt_install "${missing[@]}"; fi
}

need_postgres() {
  postgres_bin >/dev/null || apt_install postgresql
  PG_BIN=$(postgres_bin) || {
    echo "tests/run: PostgreSQL is installed, but its initdb is nowhere to be found" >&2
    exit 1
  }
}

need_node() {
  command -v npm >/dev/null || apt_install nodejs npm
  local version
  version=$(node --version)
  version=${version#v}
  if [ "${version%%.*}" -lt 20 ]; then
    echo "tests/run: node $version is too old: the client libraries need node 20 or newer (https://nodejs.org)" >&2
    exit 1
  fi
}

need_chromium() {
  command -v chromium >/dev/null || apt_install chromium
}

need_firefox() {
  command -v firefox-esr >/dev/null || apt_install firefox-esr
}

# Its sqlite3 module changes a database past the server.
need_python() {
  command -v python3 >/dev/null || apt_install python3
}
