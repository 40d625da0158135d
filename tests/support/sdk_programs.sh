# SDKs made of the checked-in documents, each with the program that uses it, in a folder beside the server's own build. Sourced by tests/run.
#
# Nothing generated is checked in. What makes an SDK is what openapi/README.md tells everybody to run: it is read from there.

need_sdk_languages() {
  need_version python3 3.11 "$(python3 -c 'import platform; print(platform.python_version())')" "openapi-python-client" "https://www.python.org"
}

# generate TITLE : the commands under "### TITLE" of openapi/README.md, from its block "sh generate".
generate() {
  awk -v title="### $1" '$0 == title { here = 1; next } /^##/ { here = 0 } here && /^```$/ { inside = 0 } inside { print } here && /^```sh generate$/ { inside = 1 }' openapi/README.md
}

# generated COMMANDS : runs them; shows what they print only when they fail.
generated() {
  sh -euc "$1" >generated.log 2>&1 || {
    cat generated.log
    return 1
  }
}

# Each runs in its folder, which holds the program, the documents and what the tools keep from an earlier run. The first argument: the README's commands.
sdk_typescript() {
  npm ci --no-audit --no-fund --prefer-offline && generated "$1" && npx tsc
}

# Its types are held against the program and against themselves; the flaws of the one file that is the same for every document are not ours.
sdk_python() {
  [ -x venv/bin/pip ] || python3 -m venv venv
  venv/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.txt && PATH="$PWD/venv/bin:$PATH" generated "$1" &&
    venv/bin/mypy --strict --follow-imports=silent client.py own_account.py gatekey_{admin,account,protocol}/{api,models}
}

sdk_rust() {
  sdk_jar && generated "$1" && cargo build --locked --target-dir target
}

sdk_go() {
  export GOFLAGS="-mod=readonly -buildvcs=false"
  generated "$1" && go build -o client .
}

sdk_java() {
  sdk_jar && generated "$1" &&
    mvn --quiet --batch-mode -Dstyle.color=never --file gatekey-protocol/pom.xml org.apache.maven.plugins:maven-dependency-plugin:3.11.0:copy-dependencies -DincludeScope=compile "-DoutputDirectory=$PWD/lib" &&
    find gatekey-admin/src/main/java gatekey-protocol/src/main/java -name '*.java' >sources && javac -nowarn -d classes -cp 'lib/*' @sources Client.java
}

# The generator of two languages, as the README gets it.
sdk_jar() {
  local get
  get=$(cd "$SDK_CLONE" && generate "The generator of two") && generated "$get"
}

# sdk_program LANGUAGE TITLE TOOL... : made anew when the documents, the commands, the program, or the version of the language's tool is another.
sdk_program() {
  local language=$1 title=$2 commands stamp
  shift 2
  local folder="$CARGO_TARGET_DIR/sdk/$language"
  commands=$(generate "$title")
  [ -n "$commands" ] || {
    echo "tests/run: openapi/README.md has no block 'sh generate' under '### $title'" >&2
    record "sdk: $title" 0 1
    return 1
  }
  stamp=$({
    "$@" 2>&1
    echo "$commands"
    generate "The generator of two"
    cat openapi/*.json tests/support/sdk_programs.sh
    find "tests/sdk/$language" -type f -not -path '*/node_modules/*' -print0 | sort -z | xargs -0 cat
  } | sha256sum)
  if [ "$(cat "$folder/made" 2>/dev/null)" = "$stamp" ]; then return 0; fi
  echo "== sdk: $title"
  mkdir -p "$folder"
  find "$folder" -mindepth 1 -maxdepth 1 ! -name node_modules ! -name venv ! -name target ! -name '*.jar' -exec rm -rf {} +
  cp -R "tests/sdk/$language/." openapi/*.json "$folder"
  in_group "$SCRATCH/log" env --chdir="$folder" "SDK_CLONE=$PWD" bash -eu -c '. "$SDK_CLONE/tests/support/sdk_programs.sh"; "sdk_$0" "$1"' "$language" "$commands" || {
    echo "tests/run: the SDK of $title, or the program that uses it, could not be made" >&2
    record "sdk: $title, made" 0 1
    return 1
  }
  echo "$stamp" >"$folder/made"
}

sdk_programs() {
  export GATEKEY_SDK="$CARGO_TARGET_DIR/sdk"
  # One that cannot be made is counted; its tests fail too, for want of it.
  sdk_program typescript TypeScript node --version || true
  sdk_program python Python python3 --version || true
  sdk_program rust Rust cargo --version || true
  sdk_program go Go go version || true
  sdk_program java Java javac -version || true
}
