# shellcheck shell=bash
# shellcheck disable=SC2034 # whoever sources it reads them
# Shared by scripts/up and scripts/test: PostgreSQL and the object store, as processes of whoever runs the script. Sourced after
# scripts/system.sh.

# Where initdb and pg_ctl are. Debian keeps them out of PATH, by version.
postgres_directory() {
    local initdb
    initdb=$(compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort --version-sort | tail -n 1) || true
    [[ -n $initdb ]] || initdb=$(command -v initdb) || return 1
    dirname "$initdb"
}

# start_postgres DATA SOCKETS OPTIONS: leaves the port in $postgres_port. The log is SOCKETS/log.
start_postgres() {
    postgres_port=$(free_port)
    as_postgres "$(postgres_directory)/pg_ctl" start --pgdata="$1" --log="$2/log" --wait --silent \
        --options="-c listen_addresses=127.0.0.1 -p $postgres_port -k $2 $3" || { cat "$2/log" && return 1; }
}

# stop_postgres DATA MODE
stop_postgres() {
    as_postgres "$(postgres_directory)/pg_ctl" stop --pgdata="$1" --mode="$2" --silent || true
}

# PostgreSQL refuses to run as root.
as_postgres() {
    if ((EUID == 0)); then
        (cd / && runuser -u "$(postgres_user)" -- "$@")
    else
        "$@"
    fi
}

postgres_user() {
    if id postgres >/dev/null 2>&1; then echo postgres; else echo nobody; fi
}

give_to_postgres() {
    ((EUID != 0)) || chown "$(postgres_user)" "$@"
}

# run_seaweedfs DIRECTORY KEY SECRET LOG: leaves its address in $store_url, and its process in $store_pid.
run_seaweedfs() {
    local port flags=() name
    port=$(free_port)
    for name in s3.port.grpc master.port master.port.grpc volume.port volume.port.grpc filer.port filer.port.grpc; do
        flags+=("-$name=$(free_port)")
    done
    AWS_ACCESS_KEY_ID=$2 AWS_SECRET_ACCESS_KEY=$3 setsid tests/store/.venv/bin/weed server \
        -ip=127.0.0.1 -ip.bind=127.0.0.1 -dir="$1" -master.telemetry=false \
        -master.volumeSizeLimitMB=256 -volume.max=200 -volume.preStopSeconds=0 \
        -s3 -s3.iam=false -s3.autoCreateBucket=false -s3.port="$port" -s3.port.iceberg=0 -s3.port.lance=0 "${flags[@]}" \
        </dev/null >"$4" 2>&1 &
    store_pid=$!
    store_url=http://127.0.0.1:$port
    await_store "$4"
}

# await_store LOG: until it answers at $store_url.
await_store() {
    local deadline=$((SECONDS + 60))
    until curl --silent --output /dev/null --max-time 5 "$store_url/"; do
        ((SECONDS < deadline)) || { tail -n 20 "$1" && return 1; }
        sleep 0.2
    done
}

# make_bucket NAME KEY SECRET: no matter if there is one. A store that has just started may not take it yet.
make_bucket() {
    local status deadline=$((SECONDS + 60))
    while true; do
        status=$(curl --silent --output /dev/null --write-out '%{http_code}' --max-time 10 --request PUT \
            --aws-sigv4 aws:amz:us-east-1:s3 --config - "$store_url/$1" <<<"user = \"$2:$3\"") || true
        case $status in 200 | 409) return ;; esac
        ((SECONDS < deadline)) || fail "the bucket $1 cannot be made at $store_url: it answers $status"
        sleep 0.2
    done
}

free_port() {
    local port
    while true; do
        port=$((20000 + RANDOM % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    echo "$port"
}
