# The parts of a run, and the count of what they ran. Sourced by tests/run.

PASSED=0
FAILED=0
REPORT=()

# in_group LOG COMMAND... : runs it in a process group of its own (so that an interrupted run leaves nothing behind),
# shown and kept in LOG.
in_group() {
  local log=$1 status=0
  shift
  set -m
  (set -o pipefail && "$@" 2>&1 </dev/null | tee "$log") &
  CHILD=$!
  set +m
  wait "$CHILD" || status=$?
  # Whatever it left behind goes with it.
  kill -TERM -- "-$CHILD" 2>/dev/null || true
  CHILD=
  return "$status"
}

# record NAME PASSED FAILED
record() {
  PASSED=$((PASSED + $2))
  FAILED=$((FAILED + $3))
  REPORT+=("$(printf '%-38s %5d passed %5d failed' "$1" "$2" "$3")")
}

# check NAME COMMAND... : counts as one test.
check() {
  local name=$1
  shift
  echo "== $name"
  if in_group "$SCRATCH/log" "$@"; then record "$name" 1 0; else record "$name" 0 1; fi
}

# tests NAME COUNT COMMAND... : COUNT reads the log and prints "passed failed". A command that fails, and one that
# ran nothing, is a failure whatever it printed. One that hangs is ended.
tests() {
  local name=$1 count=$2 status=0 passed failed
  shift 2
  echo "== $name"
  in_group "$SCRATCH/log" timeout --foreground 20m "$@" || status=$?
  read -r passed failed < <("$count" "$SCRATCH/log")
  if [ "$failed" -eq 0 ] && { [ "$status" -ne 0 ] || [ "$passed" -eq 0 ]; }; then
    echo "$name: exit status $status, $passed tests ran" >&2
    failed=1
  fi
  record "$name" "$passed" "$failed"
}

count_cargo() {
  awk '/^test result: / { for (i = 2; i <= NF; i++) { if ($i ~ /^passed/) p += $(i-1); if ($i ~ /^failed/) f += $(i-1) } } END { print p + 0, f + 0 }' "$1"
}

# Node's test runner in its TAP form; a test that was cancelled or skipped has shown nothing, so it counts as failed.
count_node() {
  awk '/^# (tests|pass|fail|cancelled|skipped|todo) [0-9]+$/ { n[$2] += $3 } END { print n["pass"] + 0, n["fail"] + n["cancelled"] + n["skipped"] + n["todo"] + 0 }' "$SCRATCH/tap"
}

# The driver's own last line: a check is one run on one database.
count_endurance() {
  awk '/^endurance: [0-9]+ passed, [0-9]+ failed$/ { p += $2; f += $4 } END { print p + 0, f + 0 }' "$1"
}

part_rust() {
  check "rust: format" cargo fmt --check
  check "rust: clippy" cargo clippy --locked --all-targets -- -D warnings
  check "rust: tests, built" cargo test --locked --no-run
}
part_rust_tests() { tests "rust: tests" count_cargo cargo test --locked --no-fail-fast; }

# The server as it is released, with the driver of `endurance`, whatever was selected: built by itself that would have the server built once
# more, because the tests' own dependencies add features (`std`, `rng`; nothing that the server calls) to two of the server's.
RELEASE=(cargo build --locked --release --bin gatekey --bench endurance)
BEHIND=

# The linker keeps one core busy for minutes, and so does the compiler with each of the larger crates: what else is to be built is built
# meanwhile, but no test runs beside it.
release_begin() {
  set -m
  "${RELEASE[@]}" >"$SCRATCH/release" 2>&1 </dev/null &
  BEHIND=$!
  set +m
}

build_release() {
  local status=0
  echo "== release build"
  if [ -n "$BEHIND" ]; then
    wait "$BEHIND" || status=$?
    BEHIND=
    cat "$SCRATCH/release"
  else
    in_group "$SCRATCH/log" "${RELEASE[@]}" || status=$?
  fi
  if [ "$status" -ne 0 ]; then
    echo "tests/run: the release build failed" >&2
    exit 1
  fi
  export GATEKEY_BIN="$CARGO_TARGET_DIR/release/gatekey"
}

# node_part NAME FOLDER AT_ONCE : the tests of a folder with a package.json, as Node's own runner finds them.
node_part() {
  local name=$1 folder=$2
  echo "== $name: packages"
  in_group "$SCRATCH/log" npm ci --prefix "$folder" --no-audit --no-fund --prefer-offline || {
    echo "tests/run: npm could not install what $folder/package-lock.json names" >&2
    record "$name" 0 1
    return 0
  }
  node_tests "$@"
}

# node_tests NAME FOLDER AT_ONCE : the same of a folder that needs no packages.
node_tests() {
  local name=$1 folder=$2 at_once=$3
  : >"$SCRATCH/tap"
  # A test that waits for ever is told by its name.
  tests "$name" count_node node --test --test-concurrency="$at_once" --test-timeout=300000 \
    --test-reporter=spec --test-reporter-destination=stdout --test-reporter=tap --test-reporter-destination="$SCRATCH/tap" \
    "$folder"/*.test.mjs
}

# The guard against breaking changes, with its own tests. The tool is made from what its go.sum names.
part_openapi() {
  local tool="$CARGO_TARGET_DIR/openapi/oasdiff"
  check "openapi: oasdiff, built" go build -C tests/openapi/oasdiff -buildvcs=false -mod=readonly -o "$tool" github.com/oasdiff/oasdiff
  : >"$SCRATCH/tap"
  OASDIFF="$tool" tests openapi count_node node --test --test-timeout=300000 \
    --test-reporter=spec --test-reporter-destination=stdout --test-reporter=tap --test-reporter-destination="$SCRATCH/tap" \
    tests/openapi/*.test.mjs
}

part_clients() {
  node_part clients tests/clients 1
}
part_sdk() {
  node_tests sdk tests/sdk 1
}
# Browsers wait more than they work: two files at a time.
part_browser() { node_part browser tests/browser 2; }

part_endurance() {
  tests endurance count_endurance cargo bench --locked --bench endurance -- races crashes outage disk shutdown
}

part_power() {
  check "power: clippy" cargo clippy --locked --test power_cut -- -D warnings
  tests power count_cargo cargo test --locked --test power_cut -- --nocapture
}

summary() {
  echo
  echo "What ran:"
  printf '  %s\n' "${REPORT[@]}"
  echo
  echo "$PASSED passed, $FAILED failed"
  [ "$FAILED" -eq 0 ] && [ "$PASSED" -gt 0 ]
}
