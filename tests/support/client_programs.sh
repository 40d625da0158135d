# The client programs that are not Node's, made in a folder beside the server's own build. Sourced by tests/run.

need_client_languages() {
  command -v openssl >/dev/null || apt_install openssl
  python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install python3 python3-venv
  need_version python3 3.10 "$(python3 -c 'import platform; print(platform.python_version())')" "Authlib" "https://www.python.org"
  need_go "golang.org/x/oauth2"
  need_java
}

need_java() {
  { command -v javac && command -v mvn; } >/dev/null || apt_install default-jdk-headless maven
  need_version java 17 "$(javac -version 2>&1 | awk '{ print $2 }')" "the client program in Java" "https://adoptium.net"
}

# made LANGUAGE COMMAND... : a program that cannot be made is a failure, said here; its tests fail for want of it.
made() {
  local language=$1
  shift
  echo "== clients: the program in $language"
  in_group "$SCRATCH/log" "$@" || {
    echo "tests/run: the client program in $language could not be made" >&2
    record "clients: the program in $language" 0 1
    return 1
  }
}

make_python() {
  python3 -m venv "$1" &&
    "$1/bin/pip" install --quiet --disable-pip-version-check --require-hashes --requirement tests/clients/authlib/requirements.txt
}

make_go() {
  mkdir -p "$1" && go build -C tests/clients/go -buildvcs=false -mod=readonly -o "$1/client" .
}

make_rust() {
  cargo build --locked --manifest-path tests/clients/openidconnect/Cargo.toml --target-dir "$1"
}

make_java() {
  mvn --quiet --batch-mode -Dstyle.color=never --file tests/clients/nimbus/pom.xml dependency:copy-dependencies "-DoutputDirectory=$1/lib" &&
    javac -d "$1/classes" -cp "$1/lib/*" tests/clients/nimbus/*.java
}

client_programs() {
  local folder="$CARGO_TARGET_DIR/clients"
  if made Python make_python "$folder/python"; then export GATEKEY_CLIENT_PYTHON="$folder/python/bin/python"; fi
  if made Go make_go "$folder/go"; then export GATEKEY_CLIENT_GO="$folder/go/client"; fi
  if made Rust make_rust "$folder/rust"; then export GATEKEY_CLIENT_RUST="$folder/rust/debug/openidconnect-client"; fi
  if made Java make_java "$folder/java"; then export GATEKEY_CLIENT_JAVA="$folder/java"; fi
}
