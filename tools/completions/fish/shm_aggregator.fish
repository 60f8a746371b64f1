# SPDX-License-Identifier: Apache-2.0
complete -c shm_aggregator -f
complete -c shm_aggregator -s h -l help -d 'Print help and exit'
complete -c shm_aggregator -s V -l version -d 'Print the version and exit'
complete -c shm_aggregator -l namespace -x -a "(ls /dev/shm | string match -rg '^trackshm\.([^.]+)\.stats\.')" -d 'Namespace to serve'
complete -c shm_aggregator -l quiet -d 'Print nothing but fatal errors'
complete -c shm_aggregator -l log-events -d 'Print one line per event'
complete -c shm_aggregator -l fresh -d 'Forget the state of an earlier run'
complete -c shm_aggregator -l mode -x -a '0600 0640 0644' -d 'Permissions of the counters'
