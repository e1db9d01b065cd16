# shellcheck shell=bash
# shellcheck disable=SC2154 # the names are those of scripts/up
# What `scripts/up --scale N` has besides: PostgreSQL and the object store, with all their data below $data_dir. Sourced by
# scripts/up, after scripts/engines.sh.

patience_store=30
bucket=cloakroom
store_key=cloakroom

need_engines() {
    postgres_directory >/dev/null || missing+=(postgresql)
    need python3 python3
    # Debian's python3 has the module venv, but not what it takes to make one.
    python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
}

# PostgreSQL and the store have their data to themselves: another script may run with them, at other ports.
check_data() {
    local other
    other=$(cat "$data_dir/up.pid" 2>/dev/null) || return 0
    # The number of a script that was killed may be another process's by now.
    if grep --quiet --null-data --line-regexp -- --scale "/proc/$other/cmdline" 2>/dev/null; then
        fail "$data_dir is in use by another scripts/up --scale, process $other; stop that, or choose another place: CLOAKROOM_DATA_DIR"
    fi
}

# Starts both, and says to the instances where they are, by their settings.
start_engines() {
    mkdir -p "$data_dir"
    chmod 755 "$data_dir"
    echo "$$" >"$data_dir/up.pid"
    make_secrets
    start_scale_postgres
    start_scale_store
    mkdir -p "$data_dir/cloakroom"
    chmod 750 "$data_dir/cloakroom"
    export CLOAKROOM_DATA_DIR=$data_dir/cloakroom CLOAKROOM_DATABASE_URL CLOAKROOM_STORAGE=s3
    export CLOAKROOM_SECRET_FILE=$data_dir/secret
    export CLOAKROOM_S3_ENDPOINT=$store_url CLOAKROOM_S3_BUCKET=$bucket CLOAKROOM_S3_ACCESS_KEY_ID=$store_key
    export CLOAKROOM_S3_SECRET_ACCESS_KEY_FILE=$data_dir/store-secret
    local number
    for ((number = 1; number <= scale; number++)); do
        listens+=("127.0.0.1:$((port + number))")
    done
}

# One for the tickets, which all instances share, one for the store and one for PostgreSQL. Once made, they stay.
make_secrets() {
    local name
    for name in secret store-secret postgres-secret; do
        [[ -s $data_dir/$name ]] || (umask 077 && head -c 32 /dev/urandom | od -An -vtx1 | tr -d ' \n' >"$data_dir/$name")
    done
}

start_scale_postgres() {
    postgres_data=$data_dir/postgres/data
    local sockets=$run_dir/postgres password
    password=$(<"$data_dir/postgres-secret")
    mkdir -p "$data_dir/postgres" "$sockets"
    chmod 711 "$run_dir"
    give_to_postgres "$data_dir/postgres" "$sockets"
    as_postgres test -x "$data_dir/postgres" ||
        fail "PostgreSQL runs as the user $(postgres_user), who cannot reach $data_dir: set CLOAKROOM_DATA_DIR to a place that everybody may pass through to, such as /srv/cloakroom"
    if [[ ! -s $postgres_data/PG_VERSION ]]; then
        say "Making a PostgreSQL cluster in $data_dir/postgres"
        # One that was broken off.
        rm -rf "$postgres_data"
        (umask 077 && cp "$data_dir/postgres-secret" "$sockets/password")
        give_to_postgres "$sockets/password"
        as_postgres "$(postgres_directory)/initdb" --pgdata="$postgres_data" --username=cloakroom --auth=scram-sha-256 \
            --pwfile="$sockets/password" --encoding=UTF8 --locale=C.UTF-8 >"$run_dir/initdb.log" ||
            fail_with_logs "initdb failed" "$run_dir/initdb.log"
        rm -f "$sockets/password"
    fi
    # What a killed script has left running.
    ! as_postgres "$(postgres_directory)/pg_ctl" status --pgdata="$postgres_data" >/dev/null 2>&1 ||
        stop_postgres "$postgres_data" fast
    start_postgres "$postgres_data" "$sockets" ""
    postgres_runs=yes
    CLOAKROOM_DATABASE_URL=postgres://cloakroom:$password@127.0.0.1:$postgres_port/postgres
}

start_scale_store() {
    local secret
    secret=$(<"$data_dir/store-secret")
    mkdir -p "$data_dir/store"
    run_seaweedfs "$data_dir/store" "$store_key" "$secret" "$run_dir/store.log"
    make_bucket "$bucket" "$store_key" "$secret"
}

# Lines of scripts/up's announcement.
announce_instances() {
    [[ -n $scale ]] || return 0
    local number
    for ((number = 1; number <= scale; number++)); do
        printf '\n  instance %d  http://%s, process %s (in %s)' \
            "$number" "${listens[number - 1]}" "${apps[number]}" "$data_dir/instance-$number.pid"
    done
    printf '\n  PostgreSQL  127.0.0.1:%s' "$postgres_port"
    printf '\n  store       %s, bucket %s' "$store_url" "$bucket"
}

# Once no instance needs them any more.
stop_engines() {
    rm -f "$data_dir"/instance-*.pid "$data_dir/up.pid"
    [[ -z ${postgres_runs:-} ]] || stop_postgres "$postgres_data" fast
    end "${store_pid:-}" "$patience_store" TERM
}
