# A PostgreSQL of the tests' own: unprivileged, on a free port of the loopback, with a password of its own, gone afterwards.
# It waits for no disk (fsync off), which is felt when the power goes and never before: what is asked of it and what it answers is the
# same, but a database that lives for one test costs a fraction. The one of `endurance` is another, with its default durability.
# Sourced by tests/run.

PG_BIN=
PG_DIR=

# The directory of the newest server programs on this machine.
postgres_bin() {
  local dir
  for dir in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV); do
    if [ -x "$dir/initdb" ]; then
      echo "$dir"
      return 0
    fi
  done
  dir=$(command -v initdb) && dirname "$(readlink -f "$dir")"
}

# PostgreSQL refuses to run as root.
as_postgres() {
  if [ "$(id -u)" -eq 0 ]; then
    (cd / && runuser -u postgres -- "$@")
  else
    "$@"
  fi
}

postgres_start() {
  PG_DIR=$(mktemp -d "${TMPDIR:-/tmp}/gatekey-postgres.XXXXXX")
  local password port
  password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  (umask 077 && printf '%s\n' "$password" >"$PG_DIR/password")
  if [ "$(id -u)" -eq 0 ]; then chown -R postgres "$PG_DIR"; fi
  as_postgres "$PG_BIN/initdb" --pgdata "$PG_DIR/data" --username postgres --auth scram-sha-256 --pwfile "$PG_DIR/password" \
    --encoding UTF8 --locale C >"$SCRATCH/initdb.log" 2>&1 || {
    cat "$SCRATCH/initdb.log" >&2
    exit 1
  }
  # pg_ctl waits until the server answers or has failed. A port that is taken is told by the log; then the next one is tried.
  for port in $(shuf -i 20000-29999 -n 20); do
    if as_postgres "$PG_BIN/pg_ctl" start --silent --wait --timeout 60 --pgdata "$PG_DIR/data" --log "$PG_DIR/log" \
      --options "-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories='' -c max_connections=300 -c fsync=off" >/dev/null; then
      export GATEKEY_TEST_POSTGRES_URL="postgres://postgres:$password@127.0.0.1:$port/postgres"
      echo "tests/run: $("$PG_BIN/postgres" --version) on port $port"
      return 0
    fi
    if ! grep -q 'could not create any TCP/IP sockets' "$PG_DIR/log"; then break; fi
    : >"$PG_DIR/log"
  done
  cat "$PG_DIR/log" >&2
  echo "tests/run: PostgreSQL did not start" >&2
  exit 1
}

postgres_stop() {
  [ -n "$PG_DIR" ] || return 0
  if [ -f "$PG_DIR/data/postmaster.pid" ]; then
    as_postgres "$PG_BIN/pg_ctl" stop --silent --mode immediate --pgdata "$PG_DIR/data" >/dev/null 2>&1 || true
  fi
  rm -rf "$PG_DIR"
}
