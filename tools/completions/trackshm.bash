# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Completion of trackshm's programs for bash. Needs nothing of the package bash-completion, which loads it, but may be
# sourced without it.

# The namespaces that have an aggregator's counters.
_trackshm_namespaces() {
    local file
    for file in /dev/shm/trackshm.*.stats.*; do
        [[ -e $file ]] || continue
        file=${file#/dev/shm/trackshm.}
        printf '%s\n' "${file%%.*}"
    done
}

# What the columns of a table may be.
_trackshm_fields() {  # PROGRAM
    "$1" --help-query 2>/dev/null | sed -n 's/^  \([a-z0-9_]*\) .*/\1/p'
}

_trackshm_reply() {  # WORDS: those that begin with what was typed
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}

# The values of an option that several programs have. False if it is none of these.
_trackshm_value() {  # OPTION TYPED
    case $1 in
        --namespace) _trackshm_reply "$(_trackshm_namespaces)" "$2" ;;
        -p | --pid) _trackshm_reply "$(compgen -G '/proc/[0-9]*' | sed 's|.*/||')" "$2" ;;
        -d | --device | -r | --refresh | -n | --iterations | --top | --check | --wait | --seconds | --listen | --max-processes | --mode | \
            --step-ms | --rounds) COMPREPLY=() ;;
        *) return 1 ;;
    esac
}

_shmtop() {
    local typed=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    case $before in
        -t | --type)
            _trackshm_reply 'DRAM L1 SYSTEM_MEMORY L1_SMALL TRACE CIRCULAR_BUFFER KERNEL HOST' "$typed"
            return ;;
        -s | --sort)
            _trackshm_reply 'live peak pid buffers comm' "$typed"
            return ;;
        --format)
            _trackshm_reply 'text json csv csv,noheader prom' "$typed"
            return ;;
        --query)  # a list: what is offered follows the last comma
            _trackshm_reply "$(_trackshm_fields "${COMP_WORDS[0]}" | sed "s|^|${typed%"${typed##*,}"}|")" "$typed"
            return ;;
        -o | --output | --record | --replay)
            mapfile -t COMPREPLY < <(compgen -f -- "$typed")
            return ;;
    esac
    _trackshm_value "$before" "$typed" && return
    _trackshm_reply '-h --help -V --version -a --all -d --device -p --pid -t --type -s --sort --top -r --refresh
        -b --batch -n --iterations -1 --once --format --json --history --csv --query --help-query --check --wait -o --output --record --replay --namespace -C
        --no-color' "$typed"
}

_shmdump() {
    local typed=${COMP_WORDS[COMP_CWORD]} word command=
    _trackshm_value "${COMP_WORDS[COMP_CWORD - 1]}" "$typed" && return
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $word in buffers | segments | clean) command=$word ;; esac
    done
    local offered='-h --help --namespace'
    case $command in
        buffers) offered+=' -p --pid --json' ;;
        segments) offered+=' --json' ;;
        clean) offered+=' -a --all' ;;
        *)
            offered+=' -V --version'
            [[ $typed == -* ]] || offered='buffers segments clean'
            ;;
    esac
    _trackshm_reply "$offered" "$typed"
}

# Its own options, then the program's words, completed as those of a command line of its own where that can be done.
_shmrun() {
    local typed=${COMP_WORDS[COMP_CWORD]} i
    for ((i = 1; i < COMP_CWORD; ++i)); do
        case ${COMP_WORDS[i]} in
            --namespace) ((++i)) ;;
            --) ((++i)); break ;;
            -*) ;;
            *) break ;;
        esac
    done
    if ((i < COMP_CWORD)); then
        if declare -F _command_offset >/dev/null; then
            _command_offset "$i"
        else
            mapfile -t COMPREPLY < <(compgen -f -- "$typed")
        fi
        return
    fi
    [[ ${COMP_WORDS[COMP_CWORD - 1]} == -- ]] || {
        _trackshm_value "${COMP_WORDS[COMP_CWORD - 1]}" "$typed" && return
        if [[ $typed == -* ]]; then
            _trackshm_reply '-h --help -V --version --namespace --malloc --' "$typed"
            return
        fi
    }
    mapfile -t COMPREPLY < <(compgen -c -- "$typed" | sort -u)
}

_shmtrace() {
    local typed=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    if [[ $before == --format ]]; then
        _trackshm_reply 'chrome pprof' "$typed"
        return
    fi
    _trackshm_value "$before" "$typed" && return
    if [[ $typed == -* ]]; then
        _trackshm_reply '-h --help -V --version --live --seconds -r --refresh --format -o --output --namespace' "$typed"
        return
    fi
    mapfile -t COMPREPLY < <(compgen -f -- "$typed")
}

_mesh_workload() {
    local typed=${COMP_WORDS[COMP_CWORD]}
    _trackshm_value "${COMP_WORDS[COMP_CWORD - 1]}" "$typed" && return
    _trackshm_reply '-h --help -V --version --step-ms --rounds' "$typed"
}

_shm_exporter() {
    local typed=${COMP_WORDS[COMP_CWORD]}
    _trackshm_value "${COMP_WORDS[COMP_CWORD - 1]}" "$typed" && return
    _trackshm_reply '-h --help -V --version --listen --namespace --per-process --max-processes' "$typed"
}

_shm_aggregator() {
    local typed=${COMP_WORDS[COMP_CWORD]}
    _trackshm_value "${COMP_WORDS[COMP_CWORD - 1]}" "$typed" && return
    _trackshm_reply '-h --help -V --version --namespace --quiet --log-events --fresh --mode' "$typed"
}

complete -o filenames -F _shmtop shmtop
complete -F _shmdump shmdump
complete -o filenames -F _shmrun shmrun
complete -o filenames -F _shmtrace shmtrace
complete -F _mesh_workload mesh_workload
complete -F _shm_exporter shm_exporter
complete -F _shm_aggregator shm_aggregator
