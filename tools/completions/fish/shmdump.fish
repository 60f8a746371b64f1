# SPDX-License-Identifier: Apache-2.0
complete -c shmdump -f
complete -c shmdump -s h -l help -d 'Print help and exit'
complete -c shmdump -s V -l version -d 'Print the version and exit'
complete -c shmdump -l namespace -x -a "(ls /dev/shm | string match -rg '^trackshm\.([^.]+)\.stats\.')" -d 'Instance to look at'
complete -c shmdump -n 'not __fish_seen_subcommand_from buffers segments clean' -a buffers -d 'List live buffers'
complete -c shmdump -n 'not __fish_seen_subcommand_from buffers segments clean' -a segments -d 'List segments'
complete -c shmdump -n 'not __fish_seen_subcommand_from buffers segments clean' -a clean -d 'Remove what nobody needs any more'
complete -c shmdump -n '__fish_seen_subcommand_from buffers' -s p -l pid -x -a '(__fish_complete_pids)' -d 'Only these processes'
complete -c shmdump -n '__fish_seen_subcommand_from buffers segments' -l json -d 'One JSON array'
complete -c shmdump -n '__fish_seen_subcommand_from clean' -s a -l all -d 'Saved state of stopped aggregators, too'
