# SPDX-License-Identifier: Apache-2.0
complete -c shmrun -s h -l help -d 'Print help and exit'
complete -c shmrun -s V -l version -d 'Print the version and exit'
complete -c shmrun -l namespace -x -a "(ls /dev/shm | string match -rg '^trackshm\.([^.]+)\.stats\.')" -d 'Instance to report to'
complete -c shmrun -l malloc -d 'Report every malloc and free as well'
complete -c shmrun -x -a '(__fish_complete_subcommand --fcs-skip=1)'
